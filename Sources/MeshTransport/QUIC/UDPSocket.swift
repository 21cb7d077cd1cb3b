// The one UDP socket of a listener: server and client share it, so a listener has one UDP port. It reads in batches,
// knows to which local address each datagram came (so that answers leave from there), carries ECN marks, and reads
// what ICMP says of peers (RFC 9000 §14.2, §13.4).
import CLinux
import Glibc

/// One datagram as it came. `bytes` lives for the call only.
struct ReceivedDatagram {
  let bytes: UnsafeBufferPointer<UInt8>
  /// The address it was sent to, with our port; nil when the kernel did not say.
  let local: SocketAddress?
  let remote: SocketAddress
  /// The two ECN bits.
  let ecn: UInt8
  /// It was longer than any packet that we allow a peer to send.
  let isTruncated: Bool
}

/// How sending a datagram ended. A full buffer counts as sent: QUIC repeats what is lost.
enum SendOutcome: Equatable {
  case sent
  /// No route, or refused by the host: the `errno`.
  case unreachable(Int32)
}

/// A bound, non-blocking UDP socket.
final class UDPSocket {
  /// The largest datagram that is read whole; larger than any path's MTU we use.
  static let datagramBytesMax = 2048
  private static let batch = 32
  private static let controlBytes = 192

  let descriptor: Int32
  /// The bound address with the port that the kernel chose.
  let address: SocketAddress
  /// An IPv6 socket wants IPv4 addresses in their IPv6 form.
  private let speaksIPv6: Bool

  private let payloads: UnsafeMutableRawPointer
  private let controls: UnsafeMutableRawPointer
  private let names: UnsafeMutablePointer<sockaddr_storage>
  private let vectors: UnsafeMutablePointer<iovec>
  private let messages: UnsafeMutablePointer<mmsghdr>
  /// How many of `messages` the last batch wrote to.
  private var written = batch

  /// Binds `address`. *Errors*: names the address and the port, and says when another process has them.
  init(binding wanted: SocketAddress, receiveBufferBytes: Int32) throws(TransportError) {
    let family = wanted.isIPv6 ? AF_INET6 : AF_INET
    let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let opened = socket(family, kind, 0)
    guard opened >= 0 else { throw TransportError("can't open a UDP socket: \(systemMessage(errno))") }
    UDPSocket.configure(opened, isIPv6: wanted.isIPv6, receiveBufferBytes: receiveBufferBytes)
    guard wanted.withSockaddr({ Glibc.bind(opened, $0, $1) }) == 0, let bound = UDPSocket.boundAddress(opened) else {
      let code = errno
      _ = Glibc.close(opened)
      throw TransportError(
        "can't bind UDP \(wanted): \(systemMessage(code))", addressInUse: code == EADDRINUSE)
    }
    descriptor = opened
    address = bound
    speaksIPv6 = wanted.isIPv6
    payloads = .allocate(byteCount: UDPSocket.batch * UDPSocket.datagramBytesMax, alignment: 16)
    controls = .allocate(byteCount: UDPSocket.batch * UDPSocket.controlBytes, alignment: 16)
    names = .allocate(capacity: UDPSocket.batch)
    names.initialize(repeating: sockaddr_storage(), count: UDPSocket.batch)
    vectors = .allocate(capacity: UDPSocket.batch)
    messages = .allocate(capacity: UDPSocket.batch)
    messages.initialize(repeating: mmsghdr(), count: UDPSocket.batch)
    for index in 0..<UDPSocket.batch {
      vectors[index] = iovec(
        iov_base: payloads + index * UDPSocket.datagramBytesMax, iov_len: UDPSocket.datagramBytesMax)
      messages[index].msg_hdr.msg_name = UnsafeMutableRawPointer(names + index)
      messages[index].msg_hdr.msg_iov = vectors + index
      messages[index].msg_hdr.msg_iovlen = 1
      messages[index].msg_hdr.msg_control = controls + index * UDPSocket.controlBytes
    }
  }

  deinit {
    _ = Glibc.close(descriptor)
    payloads.deallocate()
    controls.deallocate()
    names.deallocate()
    vectors.deallocate()
    messages.deallocate()
  }

  private static func configure(_ descriptor: Int32, isIPv6: Bool, receiveBufferBytes: Int32) {
    func set(_ level: Int, _ option: Int32, _ value: Int32) {
      var value = value
      _ = setsockopt(descriptor, Int32(level), option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
    set(Int(SOL_SOCKET), SO_RCVBUF, receiveBufferBytes)
    set(Int(SOL_SOCKET), SO_SNDBUF, receiveBufferBytes)
    // A dual-stack socket takes the IPv4 options as well, for the IPv4 peers it serves.
    set(IPPROTO_IP, IP_PKTINFO, 1)
    set(IPPROTO_IP, IP_RECVTOS, 1)
    set(IPPROTO_IP, IP_RECVERR, 1)
    set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
    if isIPv6 {
      set(Int(IPPROTO_IPV6), IPV6_V6ONLY, 0)
      set(Int(IPPROTO_IPV6), IPV6_RECVPKTINFO, 1)
      set(Int(IPPROTO_IPV6), IPV6_RECVTCLASS, 1)
      set(Int(IPPROTO_IPV6), IPV6_RECVERR, 1)
      set(Int(IPPROTO_IPV6), IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)
    }
  }

  private static func boundAddress(_ descriptor: Int32) -> SocketAddress? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { raw in
      raw.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
        getsockname(descriptor, name, &length) == 0 ? SocketAddress(UnsafePointer(name)) : nil
      }
    }
  }

  // MARK: Receiving

  /// Reads one batch and hands each datagram to `body`, in the order of arrival. Returns how many there were; fewer
  /// than `batchSize` means that the socket is empty.
  func receive(_ body: (ReceivedDatagram) -> Void) -> Int {
    for index in 0..<written {
      messages[index].msg_hdr.msg_namelen = socklen_t(MemoryLayout<sockaddr_storage>.size)
      messages[index].msg_hdr.msg_controllen = UDPSocket.controlBytes
      messages[index].msg_hdr.msg_flags = 0
    }
    let count = Int(recvmmsg(descriptor, messages, UInt32(UDPSocket.batch), 0, nil))
    // And the message that a call stopped at may have been begun.
    written = min(max(0, count) + 1, UDPSocket.batch)
    guard count > 0 else { return 0 }
    for index in 0..<count {
      guard let remote = UDPSocket.address(at: names + index) else { continue }
      let (local, ecn) = control(of: &messages[index].msg_hdr)
      let start = (payloads + index * UDPSocket.datagramBytesMax).assumingMemoryBound(to: UInt8.self)
      let length = min(Int(messages[index].msg_len), UDPSocket.datagramBytesMax)
      let truncated = messages[index].msg_hdr.msg_flags & Int32(MSG_TRUNC) != 0
      body(
        ReceivedDatagram(
          bytes: UnsafeBufferPointer(start: start, count: length), local: local, remote: remote, ecn: ecn,
          isTruncated: truncated))
    }
    return count
  }

  /// How many datagrams one `receive` reads at most.
  var batchSize: Int { UDPSocket.batch }

  private static func address(at storage: UnsafeMutablePointer<sockaddr_storage>) -> SocketAddress? {
    storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { SocketAddress(UnsafePointer($0)) }
  }

  private func control(of message: inout msghdr) -> (local: SocketAddress?, ecn: UInt8) {
    var local: SocketAddress?
    var ecn: UInt8 = 0
    var next = clinux_cmsg_first(&message)
    while let item = next {
      let (level, kind) = (item.pointee.cmsg_level, item.pointee.cmsg_type)
      if let data = clinux_cmsg_data(item) {
        switch (Int(level), kind) {
        case (Int(IPPROTO_IP), IP_PKTINFO):
          var name = sockaddr_in()
          name.sin_family = sa_family_t(AF_INET)
          name.sin_addr = data.loadUnaligned(as: in_pktinfo.self).ipi_addr
          name.sin_port = address.port.bigEndian
          local = UDPSocket.address(from: name)
        case (Int(IPPROTO_IPV6), IPV6_PKTINFO):
          var name = sockaddr_in6()
          let info = data.loadUnaligned(as: in6_pktinfo.self)
          name.sin6_family = sa_family_t(AF_INET6)
          name.sin6_addr = info.ipi6_addr
          name.sin6_port = address.port.bigEndian
          // Only link-local addresses need their interface to be told apart.
          if data.load(as: UInt8.self) == 0xfe { name.sin6_scope_id = UInt32(info.ipi6_ifindex) }
          local = UDPSocket.address(from: name)
        case (Int(IPPROTO_IP), IP_TOS), (Int(IPPROTO_IPV6), IPV6_TCLASS):
          ecn = data.load(as: UInt8.self) & 3
        default: break
        }
      }
      next = clinux_cmsg_next(&message, item)
    }
    return (local, ecn)
  }

  private static func address<Name>(from name: Name) -> SocketAddress? {
    withUnsafePointer(to: name) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { SocketAddress($0) } }
  }

  /// Reads what ICMP said since the last call: the peer that a datagram of ours was for, and the `errno`.
  func readErrors(_ body: (SocketAddress, Int32) -> Void) {
    for _ in 0..<UDPSocket.batch {
      var message = messages[0].msg_hdr
      message.msg_namelen = socklen_t(MemoryLayout<sockaddr_storage>.size)
      message.msg_controllen = UDPSocket.controlBytes
      guard recvmsg(descriptor, &message, Int32(MSG_ERRQUEUE) | Int32(MSG_DONTWAIT)) >= 0 else {
        return
      }
      guard let remote = UDPSocket.address(at: names) else { continue }
      var next = clinux_cmsg_first(&message)
      while let item = next {
        let (level, kind) = (Int(item.pointee.cmsg_level), item.pointee.cmsg_type)
        let isError =
          level == Int(IPPROTO_IP) && kind == IP_RECVERR
          || level == Int(IPPROTO_IPV6) && kind == IPV6_RECVERR
        if isError, let data = clinux_cmsg_data(item) {
          body(remote, Int32(bitPattern: data.loadUnaligned(as: clinux_extended_error.self).number))
        }
        next = clinux_cmsg_next(&message, item)
      }
    }
  }

  // MARK: Sending

  /// Sends one datagram from `local` (any address of this host when unspecified) to `remote`.
  func send(
    _ bytes: UnsafeRawBufferPointer, from local: SocketAddress, to remote: SocketAddress, ecn: UInt8
  ) -> SendOutcome {
    withUnsafeTemporaryAllocation(byteCount: UDPSocket.controlBytes, alignment: 16) { control in
      remote.withSockaddr(asIPv6: speaksIPv6) { name, nameLength in
        var vector = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
        return withUnsafeMutablePointer(to: &vector) { vector in
          var message = msghdr()
          message.msg_name = UnsafeMutableRawPointer(mutating: name)
          message.msg_namelen = nameLength
          message.msg_iov = vector
          message.msg_iovlen = 1
          message.msg_control = control.baseAddress
          message.msg_controllen = writeControl(control, from: local, isIPv6: remote.isIPv6, ecn: ecn)
          if message.msg_controllen == 0 { message.msg_control = nil }
          return transmit(&message)
        }
      }
    }
  }

  private func transmit(_ message: inout msghdr) -> SendOutcome {
    // An ICMP error for some other peer is reported by the next call on the socket, whatever it is: so try again.
    for _ in 0..<4 {
      if sendmsg(descriptor, &message, Int32(MSG_DONTWAIT)) >= 0 { return .sent }
      switch errno {
      case EINTR, ECONNREFUSED: continue
      case ENETUNREACH, EHOSTUNREACH, EACCES, EPERM, EADDRNOTAVAIL, EAFNOSUPPORT, EINVAL, ENETDOWN:
        return .unreachable(errno)
      default: return .sent
      }
    }
    return .sent
  }

  private func writeControl(
    _ control: UnsafeMutableRawBufferPointer, from local: SocketAddress, isIPv6: Bool, ecn: UInt8
  ) -> Int {
    guard let base = control.baseAddress else { return 0 }
    var used = 0
    func put<Value>(_ level: Int32, _ kind: Int32, _ value: Value) {
      let size = MemoryLayout<Value>.size
      guard used + clinux_cmsg_space(size) <= control.count else { return }
      let item = (base + used).bindMemory(to: cmsghdr.self, capacity: 1)
      item.pointee.cmsg_level = level
      item.pointee.cmsg_type = kind
      item.pointee.cmsg_len = clinux_cmsg_length(size)
      if let data = clinux_cmsg_data(item) { data.initializeMemory(as: Value.self, to: value) }
      used += clinux_cmsg_space(size)
    }
    if ecn != 0 {
      if isIPv6 {
        put(Int32(IPPROTO_IPV6), IPV6_TCLASS, Int32(ecn))
      } else {
        put(Int32(IPPROTO_IP), IP_TOS, Int32(ecn))
      }
    }
    // A socket bound to one address answers from it anyway.
    guard address.isUnspecified, !local.isUnspecified, local.isIPv6 == isIPv6 else { return used }
    local.withSockaddr { name, _ in
      if isIPv6 {
        var info = in6_pktinfo()
        let six = UnsafeRawPointer(name).loadUnaligned(as: sockaddr_in6.self)
        info.ipi6_addr = six.sin6_addr
        info.ipi6_ifindex = six.sin6_scope_id
        put(Int32(IPPROTO_IPV6), IPV6_PKTINFO, info)
      } else {
        var info = in_pktinfo()
        info.ipi_spec_dst = UnsafeRawPointer(name).loadUnaligned(as: sockaddr_in.self).sin_addr
        put(Int32(IPPROTO_IP), IP_PKTINFO, info)
      }
    }
    return used
  }
}
