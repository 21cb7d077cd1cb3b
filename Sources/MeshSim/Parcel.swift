import MeshBasics
import MeshWire

/// One message on its way, shared by all its receivers.
///
/// In small meshes it travels as bytes, so that the codec and its limits take part: it is encoded once and decoded
/// once, because all receivers decode the same. In large ones the value itself travels, so that metadata is shared.
final class Parcel {
  /// The process that sent it.
  let sender: Int
  /// Its size on the wire.
  let size: Int
  /// A hash of its content, for the hash of the run.
  let digest: UInt64
  /// The first message of a link, which is as large as its node's metadata.
  let isHello: Bool
  private let bytes: [UInt8]?
  private var decoded: Result<MeshMessage, WireError>?

  init(_ message: MeshMessage, from sender: Int, asBytes: Bool) {
    self.sender = sender
    if case .hello = message { isHello = true } else { isHello = false }
    if asBytes {
      let bytes = message.encoded()
      self.bytes = bytes
      size = bytes.count
      digest = TraceHash.of(bytes)
    } else {
      bytes = nil
      decoded = .success(message)
      size = message.size
      digest = message.fingerprint
    }
  }

  /// Bytes that no encoder made.
  init(bytes: [UInt8], from sender: Int) {
    self.sender = sender
    self.bytes = bytes
    isHello = false
    size = bytes.count
    digest = TraceHash.of(bytes)
  }

  /// What the receiver reads.
  var message: Result<MeshMessage, WireError> {
    if let decoded { return decoded }
    let result: Result<MeshMessage, WireError>
    do {
      result = .success(try MeshMessage.decode(bytes ?? []))
    } catch {
      result = .failure(error)
    }
    decoded = result
    return result
  }
}

extension MeshMessage {
  /// The claims in it.
  var records: [MemberRecord] {
    switch self {
    case .hello(let hello): [hello.record]
    case .ping(let ping): ping.news
    case .ack(let ack): ack.news
    case .news(let news): news.records
    case .view(let view): view.records
    case .syncDelta(let delta): delta.records
    case .probeRequest, .probeReply, .syncDigest, .syncSummary, .broadcast, .broadcastPull, .release: []
    }
  }

  /// How many bytes it takes on the wire, without encoding it; a few too many.
  fileprivate var size: Int {
    var size =
      switch self {
      case .hello(let hello): 40 &+ hello.clusterID.utf8.count
      case .ping, .ack: 24
      case .news, .view, .release: 8
      case .probeRequest(let request): 12 &+ request.target.utf8.count
      case .probeReply(let reply): 14 &+ reply.target.utf8.count
      case .syncDigest: 520
      case .syncSummary(let summary): 20 &+ summary.entries.reduce(0) { $0 &+ 26 &+ $1.nodeID.utf8.count }
      case .syncDelta(let delta): 8 &+ delta.wanted.reduce(0) { $0 &+ 2 &+ $1.utf8.count }
      case .broadcast(let told): 40 &+ told.origin.utf8.count &+ told.topic.utf8.count &+ (told.payload?.count ?? 0)
      case .broadcastPull(let pull): 20 &+ pull.origin.utf8.count
      }
    for record in records { size &+= 4 &+ record.encodedSize }
    return size
  }

  /// A number that tells messages apart well enough for the hash of a run.
  fileprivate var fingerprint: UInt64 {
    var hash = TraceHash()
    switch self {
    case .hello: hash.combine(1)
    case .ping(let ping): hash.combine(ping.sequence ^ ping.digest)
    case .ack(let ack): hash.combine(ack.sequence ^ ack.digest &+ 1)
    case .news: hash.combine(4)
    case .view: hash.combine(5)
    case .probeRequest(let request): hash.combine(request.sequence &+ 6)
    case .probeReply(let reply): hash.combine(reply.sequence &+ 7)
    case .syncDigest(let digest): for bucket in digest.buckets { hash.combine(bucket) }
    case .syncSummary(let summary): hash.combine(summary.mask ^ UInt64(summary.entries.count))
    case .syncDelta(let delta): hash.combine(delta.wanted.count)
    case .broadcast(let told): hash.combine(told.epoch ^ told.sequence &+ UInt64(told.hops))
    case .broadcastPull(let pull): hash.combine(pull.epoch ^ pull.sequence &+ 9)
    case .release: hash.combine(10)
    }
    for record in records {
      hash.combine(record.epoch)
      hash.combine(UInt64(record.incarnation) << 8 | UInt64(record.state.rawValue))
    }
    return hash.value
  }
}
