/// UDP and TCP on one port, as HTTP/3 wants it beside the older versions.
enum SharedPort {
  /// Binds both to `address`. A port that the kernel chose for UDP may be taken for TCP; then it chooses again.
  /// *Errors*: name the address and the port, and say when another process has them.
  static func bind(
    _ address: SocketAddress, receiveBufferBytes: Int32
  ) throws(TransportError) -> (udp: UDPSocket, listener: Int32) {
    var attempts = 16
    while true {
      let udp = try UDPSocket(binding: address, receiveBufferBytes: receiveBufferBytes)
      attempts -= 1
      do throws(TransportError) {
        return (udp, try TCPSocket.listen(on: udp.address).descriptor)
      } catch {
        if address.port == 0, error.addressInUse, attempts > 0 { continue }
        throw error
      }
    }
  }
}
