import MeshBasics
import MeshWire

/// `grpc.health.v1.Health`: a service is serving while `/readyz` says so, and all are as ready as the node.
enum HealthRPC {
  static var check: some RPCMethod {
    SingleRequestMethod { (request, world) throws(RPCStatus) -> RPCReply in
      let service = try service(of: request)
      guard isKnown(service) else { throw RPCStatus(5, "this node has no service of that name") }
      return RPCReply(GRPCHealth.response(status(world.view())))
    }
  }

  static var watch: some RPCMethod {
    SingleRequestMethod { (request, _) throws(RPCStatus) -> HealthStream in
      HealthStream(isKnown: isKnown(try service(of: request)))
    }
  }

  private static func service(of request: [UInt8]) throws(RPCStatus) -> String {
    try RPCTable.reading { () throws(WireError) in try GRPCHealth.service(of: request) }
  }

  private static func isKnown(_ service: String) -> Bool { service.isEmpty || RPCTable.services.contains(service) }

  fileprivate static func status(_ view: NodeView) -> UInt32 {
    view.notReady.isEmpty && !view.isDraining ? GRPCHealth.serving : GRPCHealth.notServing
  }
}

/// Tells a service's status and each change of it. A service that isn't known is told as such, and may come to be.
struct HealthStream: RPCStream {
  /// How often the node is looked at: not all that makes it ready is a change of a member.
  static let interval = Duration.seconds(1)

  private let isKnown: Bool
  private var told: UInt32?

  init(isKnown: Bool) { self.isKnown = isKnown }

  mutating func next(_ world: RPCWorld) -> RPCPart {
    let status = isKnown ? HealthRPC.status(world.view()) : GRPCHealth.serviceUnknown
    if status == told { return .nothing(until: world.clock.now + HealthStream.interval) }
    told = status
    return .message(GRPCHealth.response(status))
  }
}
