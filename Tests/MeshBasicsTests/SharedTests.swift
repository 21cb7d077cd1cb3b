import MeshBasics
import Testing

@Test func copiesShareOneBoxAndOthersDont() {
  let shared = Shared([1, 2, 3])
  let copy = shared
  #expect(copy.isSame(as: shared))
  #expect(!Shared([1, 2, 3]).isSame(as: shared))
  #expect(copy.value == [1, 2, 3])
}

@Test func sharedValuesAreEqualWhenWhatTheyHoldIs() {
  let shared = Shared([1, 2, 3])
  #expect(shared == Shared([1, 2, 3]))
  #expect(shared != Shared([1, 2, 4]))
}

@Test func sharingOneBoxNeedsNoLookAtTheValue() {
  // A NaN equals nothing, itself included, so that only the box can have said yes.
  let shared = Shared(Double.nan)
  let copy = shared
  #expect(shared == copy)
  #expect(shared != Shared(Double.nan))
}
