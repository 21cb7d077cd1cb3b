import MeshBasics
import MeshWire

/// Everything that the engine bounds.
public enum EngineLimits {
  /// Links that are open or being dialed.
  public static let linksMax = 1_024
  /// Links to one node. Between honest nodes all but one are closed within a round trip.
  public static let linksPerNodeMax = 4
  /// Dials on their way at once, and of them those that could wait. Each costs both ends a handshake, and many nodes
  /// may share a machine.
  public static let dialsMax = 4
  /// Of them those that could wait.
  public static let patientDialsMax = 2
  /// Dials that wait for the addresses of a name, beside those on their way.
  public static let lookupsMax = 64
  /// How long they wait before they count as dials that came to nothing.
  public static let lookupTimeout = Duration.seconds(5)
  /// How long a dial waits that is due but finds no room.
  public static let dialSpacing = Duration.milliseconds(100)
  /// Endpoints of the configuration that are dialed; the rest is reported and left out.
  public static let seedsMax = 256
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
  /// How long after a change at the earliest: the news of it goes first.
  public static let knownPeersDelay = Duration.milliseconds(250)
  /// The newest version of the mesh protocol that this engine speaks, and the oldest.
  public static let protocolVersion: UInt32 = 2
  /// The oldest version that it still speaks.
  public static let protocolVersionMin: UInt32 = 1
  /// The first wait after a dial to a seed that came to nothing.
  public static let seedSpacing = Duration.milliseconds(200)
  /// The wait after a dial to a seed that led to this node itself.
  public static let selfSpacing = Duration.seconds(600)
  /// How long the greater of two ids waits for the other's dial, where both want the link.
  public static let dialHeadStart = Duration.seconds(1)
  /// Members, and unmet ones of the last run, that are remembered for the next.
  public static let knownPeersMax = 128
}
