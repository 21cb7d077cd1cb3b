/// How a call ended: 0, or a negative code `-(category * 100 + n)`. The one error table of the product; the C header
/// repeats its numbers and `ABITests` compares them.
public struct Status: Equatable, Hashable, Sendable {
  /// The number that crosses the C border.
  public let code: Int32
  /// OmniRelay's word for it (contracts: http §15).
  public let name: String
  /// The HTTP status that the control plane answers with.
  public let httpStatus: Int
  /// The gRPC status.
  public let grpcStatus: Int
  /// Whether the same call may succeed later, unchanged.
  public let isRetriable: Bool

  private init(_ category: Int32, _ number: Int32, _ name: String, http: Int, grpc: Int, retriable: Bool = false) {
    code = 0 &- (category &* 100 &+ number)
    self.name = name
    httpStatus = http
    grpcStatus = grpc
    isRetriable = retriable
  }

  /// Done.
  public static let ok = Status(0, 0, "Ok", http: 200, grpc: 0)

  // Category 1: argument
  /// An argument is missing, malformed or out of range; the message names it.
  public static let argument = Status(1, 1, "InvalidArgument", http: 400, grpc: 3)
  /// A configuration key or value is refused; the message names every one.
  public static let configuration = Status(1, 2, "InvalidConfiguration", http: 400, grpc: 3)
  /// There is no such thing.
  public static let notFound = Status(1, 3, "NotFound", http: 404, grpc: 5)

  // Category 2: state
  /// The handle was released, or what it names has ended.
  public static let closed = Status(2, 1, "Closed", http: 409, grpc: 9)
  /// The node is stopping; the operation did not happen.
  public static let shutdown = Status(2, 2, "Shutdown", http: 503, grpc: 14)
  /// The process was forked after the library was used.
  public static let forked = Status(2, 3, "Forked", http: 500, grpc: 9)
  /// The call would wait for the very thread it is made on.
  public static let wouldDeadlock = Status(2, 4, "WouldDeadlock", http: 409, grpc: 9)
  /// The node found one of its own invariants broken and stopped.
  public static let poisoned = Status(2, 5, "Poisoned", http: 500, grpc: 13)

  /// The queue is being drained, or is drained and not resumed.
  public static let draining = Status(2, 6, "Draining", http: 503, grpc: 14, retriable: true)
  /// The lease has ended by another call, or the task was leased again since, or the token never was one.
  public static let leaseInactive = Status(2, 7, "LeaseInactive", http: 409, grpc: 9)
  /// The lease ran out before the call.
  public static let leaseExpired = Status(2, 8, "LeaseExpired", http: 409, grpc: 9)
  /// The caller gave the wait up.
  public static let cancelled = Status(2, 9, "Cancelled", http: 499, grpc: 1)

  // Category 3: cluster
  /// Another live process with this node's name is in the mesh, and stays; or what is to be restored is here already.
  public static let conflict = Status(3, 1, "AlreadyExists", http: 409, grpc: 6)

  // Category 4: busy
  /// A bounded queue is full; try again after reading events or waiting.
  public static let busy = Status(4, 1, "ResourceExhausted", http: 429, grpc: 8, retriable: true)

  // Category 5: time
  /// The time given passed; the operation may still happen.
  public static let timeout = Status(5, 1, "DeadlineExceeded", http: 504, grpc: 4, retriable: true)

  // Category 6: network
  /// Another process listens on the address.
  public static let addressInUse = Status(6, 1, "AddressInUse", http: 503, grpc: 14, retriable: true)
  /// The network refused, or the address can't be used.
  public static let network = Status(6, 2, "Unavailable", http: 503, grpc: 14, retriable: true)

  // Category 7: storage
  /// A file can't be read, written or trusted.
  public static let storage = Status(7, 1, "DataLoss", http: 500, grpc: 15)

  // Category 8: security
  /// A certificate, key or peer is refused.
  public static let security = Status(8, 1, "PermissionDenied", http: 403, grpc: 7)

  // Category 9: resource
  /// The system gave no thread, descriptor or memory.
  public static let resource = Status(9, 1, "ResourceLimit", http: 503, grpc: 8, retriable: true)

  // Category 10: unsupported
  /// This version can't do that.
  public static let unsupported = Status(10, 1, "Unimplemented", http: 501, grpc: 12)

  // Category 11: internal
  /// A bug of the library's own.
  public static let internalError = Status(11, 1, "Internal", http: 500, grpc: 13)

  /// Every status there is.
  public static let all: [Status] = [
    .ok, .argument, .configuration, .notFound, .closed, .shutdown, .forked, .wouldDeadlock, .poisoned, .draining,
    .leaseInactive, .leaseExpired, .cancelled, .conflict, .busy, .timeout, .addressInUse, .network, .storage,
    .security, .resource, .unsupported, .internalError,
  ]
}

/// An error that crosses the library's border: a status for code, a sentence for people.
public struct MeshError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What code acts on.
  public let status: Status
  /// Names the thing, the value and what is allowed; never holds a secret.
  public let message: String
  /// The node is beyond repair and has stopped or will.
  public let isFatal: Bool
  /// After how many milliseconds a retry makes sense; -1 when unknown.
  public let retryAfterMilliseconds: Int64

  /// An error of `status`, told to people by `message`.
  public init(_ status: Status, _ message: String, isFatal: Bool = false, retryAfterMilliseconds: Int64 = -1) {
    self.status = status
    self.message = message
    self.isFatal = isFatal
    self.retryAfterMilliseconds = retryAfterMilliseconds
  }

  /// For logs and traps.
  public var description: String { "\(status.name): \(message)" }
}
