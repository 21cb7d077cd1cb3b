import MeshBasics
import MeshWire

/// Everything that this room bounds, and the times that no configuration changes. What passes a limit is dropped and
/// counted; nothing here grows with what peers send.
public enum MembershipLimits {
  /// Members in the table, the local node and those that left included.
  public static let membersMax = 8_192
  /// Rings of the overlay.
  public static let ringsMax = 8
  /// Random links beside those of the rings.
  public static let warmLinks = 12
  /// Random links that a newcomer to a mesh that stands chooses in one round.
  public static let warmLinksOfNewcomer = 3
  /// Random links that are tolerated before the oldest are given back: others choose us too.
  public static let warmLinksMax = 18
  /// The longest wait for a view at rest before one more is chosen all the same.
  public static let warmPatience = Duration.seconds(5)
  /// The time after which one random link is exchanged for another.
  public static let warmRedraw = Duration.seconds(30)
  /// How long a link is kept before it may be given back, outside of a crowd.
  public static let releaseAge = Duration.seconds(5)
  /// How long an answer to a link given back is waited for.
  public static let releasePatience = Duration.seconds(30)
  /// Links given back in one round, outside of a crowd.
  public static let releasesPerRound = 64
  /// Links too many that are a crowd: half of them go back in a round.
  public static let crowdLinks = 128
  /// How long each of a crowd is kept: the view has come over it long before.
  public static let crowdReleaseAge = Duration.seconds(1)
  /// How long a link is wanted for a purpose that passes: a check, a relayed probe, healing.
  public static let temporaryLink = Duration.seconds(3)
  /// Such links at once.
  public static let temporaryLinksMax = 64
  /// Of them those from which on no more are opened to probe in others' place.
  public static let temporaryLinksForOthers = 32
  /// How long a link counts as new, so that its peer is told all news.
  public static let youngLink = Duration.seconds(1)

  /// Rounds in a row in which a peer's own ping stands for one of ours; the next measures the round trip.
  public static let roundsSparedMax = 9
  /// Peers asked to probe in this node's place.
  public static let relaysMax = 3
  /// When a relay says at the latest that it has no answer either.
  public static let nackTime = Duration.milliseconds(80)
  /// Probes in others' place at once.
  public static let relayJobsMax = 64
  /// Of them those for one peer.
  public static let relayJobsPerPeer = 16
  /// Local health at which a peer isn't asked any more.
  public static let poorHealth = 4
  /// The worst local health.
  public static let healthMax = 8
  /// Accusers that a suspicion remembers.
  public static let accusersMax = 3
  /// The confirmations that bring a suspicion down to its shortest.
  public static let confirmationsWanted = 2
  /// What a claim takes to go round, off the longest silence, so that all know by its end.
  public static let spreadingTime = Duration.milliseconds(300)
  /// The shortest time from a refusal to a declared death, for a restart to come up in.
  public static let refusalPatience = Duration.milliseconds(500)
  /// Looks at others' claims begun in one second, and at once.
  public static let checksPerSecond = 20
  /// Claims of an end that wait for a second voice.
  public static let hearsayMax = 1_024
  /// Of them those of one voice.
  public static let hearsayPerVoice = 128
  /// How often others may say in a row that a member lives which is accused or had ended.
  public static let vouchingsBurst = 16
  /// How much more often each second.
  public static let vouchingsPerSecond = 2
  /// How late a timer must be to count against this node's own health.
  public static let lateness = Duration.milliseconds(50)
  /// How often the verdict of a probe is put off while this node's timers are late.
  public static let extensionsMax = 4
  /// How long the view must be at rest before links follow the rings.
  public static let ringRest = Duration.milliseconds(200)
  /// For how long links wait for that rest.
  public static let ringPatience = Duration.milliseconds(1_500)
  /// And for how much longer some of them wait, for each member, up to `interval`.
  public static let ringSpread = Duration.milliseconds(8)
  /// How long links wait with one change in a mesh at rest, for each member: the news of it goes first.
  public static let ringYield = Duration.milliseconds(1)
  /// And for how many members at most.
  public static let ringYieldMembers = 100
  /// How old a link must be for its peer to count as a voice of a death or a life: what one just back from the other
  /// side of a partition believes will be refuted in a moment.
  public static let voiceAge = Duration.seconds(2)
  /// How often a look at a member is begun again that came to no result.
  public static let looksMax = 20
  /// How far an incarnation told of this node may lie ahead for it to be followed; beyond, a new epoch leaves it
  /// behind.
  public static let incarnationFollowed: UInt32 = 16
  /// The greatest incarnation by which this node refutes; then a greater epoch begins at 0.
  public static let incarnationsPerEpoch: UInt32 = 1 << 19
  /// From one refutation to the next.
  public static let refutationSpacing = Duration.milliseconds(100)
  /// The longest wait between two epochs of one life.
  public static let epochRaiseMax = Duration.seconds(4)
  /// How often this node looks for another process with its name.
  public static let duplicateSpacing = Duration.seconds(5)
  /// Budgets that are kept of peers whose links are closed.
  public static let spentBudgetsMax = 512
  /// Members that a peer may tell of in a row that nobody else has told.
  public static let joinsBurst = 4_096
  /// How many more of them each second.
  public static let joinsPerSecond = 128
  /// Bytes of views and exchanges for one peer in one second.
  public static let syncBytesPerSecond: Int64 = 256 * 1_024
  /// And how many at once.
  public static let syncBytesBurst: Int64 = 768 * 1_024
  /// Bytes of this node's own broadcasts in one second: no more than each of its links carries.
  public static let ownBroadcastBytesPerSecond: Int64 = 128 * 1_024
  /// And how many at once.
  public static let ownBroadcastBytesBurst: Int64 = 256 * 1_024
  /// How far the number of a broadcast may leap that its origin doesn't bring itself.
  public static let broadcastLeapMax: UInt64 = 4_096
  /// Accusations that a peer may bring in a row, of this node as well.
  public static let accusationsBurst = 256
  /// How many more each second.
  public static let accusationsPerSecond = 32
  /// How often the gone are tried.
  public static let healing = Duration.seconds(5)
  /// Of so many tries one is made also where a living peer says that it lives now.
  public static let healingAnyway: UInt64 = 12

  /// Metadata up to this size is always told whole, so that it repairs what was missed.
  public static let wholeMetadataMax = 512

  /// Claims in one page of a view or of an exchange.
  public static let recordsPerPageMax = 512
  /// The bytes of one page, well below the frame limit of 256 KiB.
  public static let pageBytesMax = 128 * 1_024
  /// Claims that a newcomer is given at once; the rest it gets from others by exchange.
  public static let welcomeMax = 1_024
  /// Claims that correct one message.
  public static let newsPerMessageMax = 64
  /// The bytes of news in one message of news.
  public static let newsBytesMax = 64 * 1_024
  /// The bytes of news on a probe, which shall fit a packet.
  public static let newsBytesOnProbe = 800
  /// Claims that anti-entropy covers and that are kept all the same, to ride on probes.
  public static let newsKeptMax = 512
  /// How long a node that passed an end on along the rings waits for echoes, before it tells all its links.
  public static let endPatience = Duration.milliseconds(40)
  /// How many echoes show that all have heard it.
  public static let endEchoes = 2
  /// The shortest time between two messages of news to many.
  public static let newsSpacing = Duration.milliseconds(2)
  /// Bytes of news for one link in one second; twice that at once.
  public static let newsBytesPerSecond: Int64 = 256 * 1_024
  /// Bytes of broadcasts for one link in one second; twice that at once.
  public static let broadcastBytesPerSecond: Int64 = 128 * 1_024
  /// Bytes that a link leaves for what its end tells itself and for what its peer pulls: others' broadcasts are only
  /// announced below.
  public static let broadcastBytesReserved: Int64 = 128 * 1_024
  /// Bytes by which announcements may pass the budget of a link.
  public static let broadcastDebtMax: Int64 = 256 * 1_024
  /// Bytes of broadcasts that are taken of one peer in one second: a quarter more than an honest one may send on its
  /// link, whose clock may be the faster.
  public static let broadcastBytesTakenPerSecond: Int64 = 160 * 1_024
  /// And how many at once: what it may send at once with its debt, and as much for one restart or a link that stood
  /// still for four seconds.
  public static let broadcastBytesTakenBurst: Int64 = 1_024 * 1_024

  /// Broadcasts that are kept for those that ask for them.
  public static let broadcastsMax = 4_096
  /// The bytes of all that are kept.
  public static let broadcastBytesMax = 4 * 1_024 * 1_024
  /// How long one is kept for those that ask for it.
  public static let broadcastLife = Duration.seconds(60)
  /// Broadcasts of one origin that are remembered as seen.
  public static let broadcastWindow: UInt64 = 4_096

  /// Changes of members forgotten since that wait to be read.
  public static let forgottenChangesMax = 1_024

  /// The greatest jump of an incarnation, or of a metadata version, that hearsay may claim.
  public static let incarnationJumpMax: UInt32 = 1 << 20
  /// Milliseconds that a metadata version may lie ahead which the owner follows; beyond it takes a greater epoch.
  public static let metadataFollowedMilliseconds: UInt64 = 24 * 3_600 * 1_000
  /// The greatest epoch that is believed of anybody: as Unix milliseconds, a time thousands of years ahead.
  public static let epochMax: UInt64 = 1 << 48
  /// How far in the future, in milliseconds, an epoch told by hearsay may lie.
  public static let epochAheadMaxMilliseconds: UInt64 = 48 * 3_600 * 1_000
  /// How long a member that left or died stays listed.
  public static let tombstoneLifetime = Duration.seconds(24 * 3_600)
  /// How long its end is told to others: half its life, so that no two nodes keep it alive between them.
  public static let tombstoneSharing = Duration.seconds(12 * 3_600)
  /// The shortest time between two views, two summaries or two questions sent to one peer.
  public static let viewSpacing = Duration.milliseconds(200)
  /// Entries of one summary; with the longest names they fill a frame.
  public static let summaryEntriesMax = 1_536
}
