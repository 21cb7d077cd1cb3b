import MeshWire
import Testing

@Test func everyMessageComesBackAsItWas() throws {
  for message in Samples.messages {
    #expect(try MeshMessage.decode(message.encoded()) == message)
  }
}
