import Foundation
import Synchronization

/// Listens on loopback; accepts once, takes a request, sends one prepared answer if it has any, and says no more.
final class PreparedServer: @unchecked Sendable {
  let url: String
  private let listener: Int32
  private let received: Received

  /// What a client sent, for the thread that reads it and the test that looks.
  private final class Received: Sendable {
    let text = Mutex("")
  }

  init?(answering answer: String?) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let received = Received()
    listener = descriptor
    self.received = received
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && listen(descriptor, 4) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
    guard isBound else { return nil }
    if let answer {
      Thread.detachNewThread {
        let connection = accept(descriptor, nil, nil)
        var request = [UInt8](repeating: 0, count: 4096)
        let count = read(connection, &request, request.count)
        received.text.withLock { $0 = String(decoding: request.prefix(max(0, count)), as: UTF8.self) }
        _ = write(connection, answer, answer.utf8.count)
        close(connection)
      }
    }
  }

  /// What the client sent; complete once it has the answer.
  var request: String { received.text.withLock { $0 } }

  deinit { close(listener) }
}
