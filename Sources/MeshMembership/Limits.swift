import MeshBasics

/// Everything that this room bounds. What passes a limit is dropped and counted; nothing here grows with what peers
/// send.
public enum MembershipLimits {
  /// Members in the table, the local node and those that left included.
  public static let membersMax = 4_096
  /// Links that the overlay asks for.
  public static let linksMax = 256
  /// Members probed in one round.
  public static let probesPerRoundMax = 256
  /// Claims in one page of a view.
  public static let recordsPerPageMax = 512
  /// The estimated bytes of one page, well below the frame limit of 256 KiB.
  public static let pageBytesMax = 128 * 1_024
  /// Claims that ride on one ping or ack, or that correct one message.
  public static let newsPerMessageMax = 64
  /// The estimated bytes of news in one message.
  public static let newsBytesMax = 64 * 1_024
  /// The greatest jump of an incarnation, or of a metadata version, that hearsay may claim.
  public static let incarnationJumpMax: UInt32 = 1 << 20
  /// How far in the future, in milliseconds, an epoch told by hearsay may lie.
  public static let epochAheadMaxMilliseconds: UInt64 = 48 * 3_600 * 1_000
  /// How long a member that left or died stays listed.
  public static let tombstoneLifetime = Duration.seconds(24 * 3_600)
  /// How long its end is told to others in views: half its life, so that no two nodes keep it alive between them.
  public static let tombstoneSharing = Duration.seconds(12 * 3_600)
  /// The shortest time between two views sent to one peer, for each page of the first.
  public static let viewSpacing = Duration.milliseconds(200)
}
