import MeshBasics
import MeshWire

/// Everything that the engine bounds.
public enum EngineLimits {
  /// Links that are open or being dialed.
  public static let linksMax = 1_024
  /// Links to one node. Between honest nodes all but one are closed within a round trip.
  public static let linksPerNodeMax = 4
  /// Dials on their way at once.
  public static let dialsMax = 64
  /// How long a dial waits that is due but finds no room.
  public static let dialSpacing = Duration.milliseconds(100)
  /// Endpoints of the configuration that are dialed; the rest is reported and left out.
  public static let seedsMax = 256
  /// Messages of one link that wait until this life's epoch is durable. A peer says hello once and waits for ours.
  public static let earlyMessagesMax = 2
  /// The size of such a message: a hello, which is a claim and a little more.
  public static let earlyBytesMax = WireLimits.recordBytes + 1_024
  /// The longest wait between two dials that came to nothing; it grows up to this from `interval`.
  public static let backoffMax = Duration.seconds(30)
  /// The shortest wait after a refusal of trust, which time alone seldom mends.
  public static let refusedBackoffMin = Duration.seconds(5)
  /// The longest wait after a refusal of trust.
  public static let refusedBackoffMax = Duration.seconds(60)
  /// How long an open link may stay without a hello.
  public static let helloTimeout = Duration.seconds(5)
  /// A link that ended sooner than this counts as a dial that came to nothing, so that it can't be redialed in a loop.
  public static let shortLife = Duration.seconds(2)
  /// How long a peer remembered from an earlier run is tried before it is forgotten.
  public static let rememberedPeerLifetime = Duration.seconds(24 * 3_600)
  /// The shortest time between two writes of the known peers.
  public static let knownPeersSpacing = Duration.seconds(1)
  /// The version of the mesh protocol that this engine speaks, which is also the oldest.
  public static let protocolVersion: UInt32 = 1
}
