import MeshBasics
import MeshWire

/// Everything that this room bounds, and the times that no configuration changes. What passes a limit is dropped or
/// refused and counted; nothing here grows with what peers send.
public enum GossipV1Limits {
  /// Bytes of one request or answer that is read.
  public static let bodyBytesMax = 1 << 20
  /// Members of one envelope that is read; OmniRelay sends 32.
  public static let membersReadMax = 1_024
  /// Labels of one member that is read: the 64 that a MeshKit node may have, and its mark.
  public static let labelsMax = 65
  /// Endpoints of one shuffle that is read.
  public static let shuffleReadMax = 256
  /// What is wrong with single members of one envelope: so many reasons are kept.
  public static let refusalsKept = 4

  /// Others in an envelope of ours, at least, as far as there are as many.
  public static let windowMin = 32
  /// And at most.
  public static let windowMax = 256
  /// Bytes that the others in an envelope of ours may take, reckoned before it is written.
  public static let windowBytesMax = 256 * 1_024

  /// Guests in the table, those that ended included.
  public static let guestsMax = 1_024
  /// Endpoints that may be called and belong to no living guest: seeds, endpoints told by others, ended guests.
  public static let contactsMax = 256
  /// Of them those of the configuration; further ones aren't called.
  public static let seedsMax = 128
  /// Requests on their way at once.
  public static let exchangesMax = 64
  /// Of them those to contacts.
  public static let exchangesWithContacts = 16
  /// Bridges up to which each calls its guests twice as often.
  public static let fewBridges = 4
  /// Times of `shuffleInterval` in which each guest is asked for a shuffle, by one bridge or another.
  public static let shuffleRounds = 5
  /// How long a call waits that is due but finds no room.
  public static let callSpacing = Duration.milliseconds(50)
  /// How long a verdict waits that is due but lacks a failed call of this node's own.
  public static let verdictSpacing = Duration.milliseconds(250)
  /// How late a turn must be to count as a pause of this process: the time is nobody's silence.
  public static let lateness = Duration.milliseconds(500)
  /// Suspicion intervals of silence until a guest has left, where this node hears nobody at all.
  public static let patienceAlone: Int64 = 6
  /// Living guests that must fall silent together for this node to hold itself cut off.
  public static let silentTogether = 3

  /// How long an endpoint is kept that others have told, from their last word of it.
  public static let contactLife = Duration.seconds(60)
  /// The longest wait between two calls of a contact.
  public static let contactBackoffMax = Duration.seconds(60)
  /// From one call of a seed to the next while it leads to a member that is known.
  public static let seedSpacing = Duration.seconds(30)
  /// The same while it leads to this node itself.
  public static let selfSpacing = Duration.seconds(600)

  /// How long an end is told to v1 nodes.
  public static let endTold = Duration.seconds(60)
  /// How long an ended guest is called now and then: it may have been cut off.
  public static let endRetried = Duration.seconds(3_600)
  /// How long a guest that left stays listed.
  public static let tombstoneLifetime = Duration.seconds(24 * 3_600)
  /// Goodbyes to each guest.
  public static let goodbyes = 2
  /// How long a graceful leave may take.
  public static let leaveTimeout = Duration.seconds(2)
  /// Milliseconds from now that a metadata version told of this node may lie ahead for it to be outbid.
  public static let versionFollowedMilliseconds: Int64 = 24 * 3_600 * 1_000
}
