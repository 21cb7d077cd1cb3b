import MeshSecurity
import Testing

@Test func entropyGivesTheAskedLengthAndNeverTheSameTwice() {
  #expect(Entropy.bytes(0).isEmpty)
  #expect(Entropy.bytes(-1).isEmpty)
  #expect(Entropy.bytes(33).count == 33)
  #expect(Entropy.bytes(16) != Entropy.bytes(16))
}
