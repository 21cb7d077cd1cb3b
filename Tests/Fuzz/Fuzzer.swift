// The entry points that libFuzzer calls. Its main() owns the command line, so the target comes from the environment:
// MESHKIT_FUZZ_TARGET names it; "list" prints name and corpus of each and ends. `Tests/Fuzz/run` does all of this.
import Glibc

private let chosen: FuzzTarget? = {
  guard let name = getenv("MESHKIT_FUZZ_TARGET") else { return nil }
  return fuzzTargets.first { $0.name == String(cString: name) }
}()

/// Called once, before the first input: ends the process unless a target was chosen.
@c(LLVMFuzzerInitialize)
public func initializeFuzzer(
  _ count: UnsafeMutablePointer<Int32>?,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>?
) -> Int32 {
  if chosen == nil {
    for target in fuzzTargets { print(target.name, target.corpus) }
    let asked = getenv("MESHKIT_FUZZ_TARGET").map { String(cString: $0) }
    exit(asked == "list" ? 0 : 2)
  }
  return 0
}

/// Called for each input.
@c(LLVMFuzzerTestOneInput)
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  chosen?.run(Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}

/// Stops the fuzzer with a find that isn't a crash by itself.
func found(_ what: String) -> Never { fatalError(what) }
