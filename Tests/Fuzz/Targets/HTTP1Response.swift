import MeshTransport

/// Bytes as a server may answer the command's client, in pieces of up to seven bytes.
func fuzzHTTP1Response(_ bytes: [UInt8]) {
  var parser = HTTP1ResponseParser()
  var rest = bytes[...]
  do throws(HTTPFailure) {
    while !rest.isEmpty {
      if try parser.receive(rest.prefix(7)) != nil { return }
      rest = rest.dropFirst(7)
    }
    _ = try parser.connectionEnded()
  } catch {
    return
  }
}
