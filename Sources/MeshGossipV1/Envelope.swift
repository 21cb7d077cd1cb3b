import MeshBasics
import MeshWire

/// A member's status as v1 writes it; a reader takes any case, and the numbers 0, 1 and 2.
public enum V1Status: String, Sendable, CaseIterable {
  /// It takes part.
  case alive = "Alive"
  /// Nothing was heard of it for a while.
  case suspect = "Suspect"
  /// It is gone.
  case left = "Left"
}

/// A node as it describes itself in v1.
public struct V1Profile: Equatable, Sendable {
  /// Its name; v1 takes any text, MeshKit the names of `NodeID` only.
  public var nodeID: NodeID
  /// The rest. `security`, `draining` and `schemaVersion` have no place in v1; `endpoint` stands beside it.
  public var metadata: NodeMetadata
  /// Where it serves v1; nil when nowhere.
  public var endpoint: Endpoint?

  /// The node `nodeID` at `endpoint`, described by `metadata`.
  public init(nodeID: NodeID, metadata: NodeMetadata, endpoint: Endpoint?) {
    self.nodeID = nodeID
    self.metadata = metadata
    self.metadata.endpoint = ""
    self.endpoint = endpoint
  }

  /// Whether its labels mark it as a node of MeshKit. Labels survive when v1 nodes pass a member on, and a v1 node that
  /// was a MeshKit node before may carry them still: the mark tells of members, never of who is speaking.
  public var isMarked: Bool { metadata.labels.contains { V1Mark.isMark($0.key) } }
}

/// Labels by which MeshKit nodes know each other behind v1.
public enum V1Mark {
  /// What the keys of all such labels begin with.
  public static let prefix = "meshkit."
  /// The label of each MeshKit node.
  public static let member = Label(key: "meshkit.member", value: "true")

  /// Whether `key` belongs to MeshKit. v1 doesn't mind the case of keys.
  public static func isMark(_ key: String) -> Bool { key.lowercased().hasPrefix(prefix) }
}

/// One member in an envelope.
public struct V1Member: Equatable, Sendable {
  /// Who it is.
  public var profile: V1Profile
  /// Its status as the sender sees it.
  public var status: V1Status
  /// When the sender, or somebody that it believed, saw it last: 100 ns since 1970, by a foreign clock. Nil lets the
  /// receiver take its own time.
  public var lastSeenUnixTicks: Int64?
  /// The sender's round trip to it in milliseconds. Receivers of v1 take it for their own, so that MeshKit sends none.
  public var roundTripMilliseconds: Double?

  /// A member of these parts.
  public init(
    profile: V1Profile, status: V1Status, lastSeenUnixTicks: Int64? = nil, roundTripMilliseconds: Double? = nil
  ) {
    self.profile = profile
    self.status = status
    self.lastSeenUnixTicks = lastSeenUnixTicks
    self.roundTripMilliseconds = roundTripMilliseconds
  }
}

/// What v1 nodes tell each other, as a request and as its answer.
public struct V1Envelope: Equatable, Sendable {
  /// `v1`, in any case; nil and anything else is another protocol, whose content isn't read.
  public var schema: String?
  /// The sender's clock, 100 ns since 1970; nobody uses it.
  public var unixTicks: Int64 = 0
  /// Grows by one with each envelope of the sender; nobody uses it.
  public var sequence: Int64 = 0
  /// Who speaks.
  public var sender: V1Profile
  /// Those that it knows, itself first.
  public var members: [V1Member] = []
  /// Whether a MeshKit node speaks. v1 nodes drop the key that says so, so that it is true of the speaker, whatever
  /// labels say.
  public var isMeshKit = false
  /// What was wrong with members that were left out, at most `GossipV1Limits.refusalsKept` of them.
  public var refusals: [WireError] = []

  /// An envelope of `sender` without members.
  public init(sender: V1Profile, schema: String? = V1Envelope.schemaVersion) {
    self.sender = sender
    self.schema = schema
  }

  /// The one schema there is.
  public static let schemaVersion = "v1"

  /// Whether it is of the schema that this module speaks.
  public var isReadable: Bool { schema?.lowercased() == V1Envelope.schemaVersion }
  /// Whether the sender says of itself that it is leaving.
  public var isGoodbye: Bool { members.contains { $0.profile.nodeID == sender.nodeID && $0.status == .left } }
}

/// What v1 nodes tell each other of endpoints, as a request and as its answer.
public struct V1Shuffle: Equatable, Sendable {
  /// The endpoint of the sender, for display.
  public var sender: String
  /// Endpoints that it knows. A reader leaves out what is none.
  public var endpoints: [Endpoint]

  /// A shuffle of these endpoints.
  public init(sender: String, endpoints: [Endpoint]) {
    self.sender = sender
    self.endpoints = endpoints
  }
}
