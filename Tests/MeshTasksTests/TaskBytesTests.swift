import MeshTasks
import Testing

struct TaskBytesTests {
  @Test func bytesAreCopiedOnceAndStayWhereTheyAre() {
    var source: [UInt8] = [1, 2, 3]
    let bytes = TaskBytes(source)
    source[0] = 9
    let copy = bytes
    let (first, second) = (bytes.withBytes { $0.baseAddress }, copy.withBytes { $0.baseAddress })
    #expect(bytes.bytes == [1, 2, 3] && bytes.count == 3 && first == second && bytes.owner === copy.owner)
  }

  @Test func equalMeansTheSameBytes() {
    #expect(TaskBytes([1, 2]) == TaskBytes([1, 2]) && TaskBytes([1, 2]) != TaskBytes([1, 3]))
    #expect(TaskBytes([1, 2]) != TaskBytes([1]) && TaskBytes([]) == TaskBytes([UInt8]()))
    #expect(TaskBytes(UnsafeRawBufferPointer(start: nil, count: 0)).bytes == [])
  }
}
