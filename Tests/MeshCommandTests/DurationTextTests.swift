import MeshRuntime
import Testing

@testable import MeshCommand

@Suite struct DurationTextTests {
  @Test(arguments: [
    ("10s", 10_000), ("1500ms", 1_500), ("2m", 120_000), ("1h", 3_600_000), ("1.5s", 1_500), ("0.5ms", 0),
    ("00:00:10", 10_000), ("00:00:01.5", 1_500), ("1.02:03:04", 93_784_000), ("23:59:59", 86_399_000), ("0s", 0),
  ])
  func bothFormsAreRead(text: String, milliseconds: Int64) {
    #expect(DurationText.parse(text)?.milliseconds == milliseconds)
  }

  @Test(arguments: [
    "", "5", "s", "ms", "-1s", "1 s", "1e3s", "0x10s", "nans", "infs", "99999999999999999999s", "1d", "1.2.3s",
    "00:10", "24:00:00", "00:60:00", "00:00:60", "00:00:00.12345678", "00:00:00.", ".00:00:01", "1.2.00:00:01",
    "a:b:c", "-00:00:10", "10676.00:00:00", "::", "00:00:10s", "00:00:10.5.5",
  ])
  func everythingElseIsRefused(text: String) {
    #expect(DurationText.parse(text) == nil)
  }

  @Test func fractionsKeepTheirPlaces() {
    #expect(DurationText.parse("00:00:00.0000001")?.nanoseconds == 100)
  }
}
