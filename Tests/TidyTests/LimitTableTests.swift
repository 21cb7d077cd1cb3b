import Testing

@Suite struct LimitTableTests {
  @Test(arguments: LimitTables.pages)
  func everyLimitIsListedWithItsValue(_ pair: (page: String, code: String)) throws {
    let page = try #require(SourceTree.text(pair.page))
    let code = try #require(SourceTree.text(pair.code))
    #expect(LimitTables.constants(of: code).count > 10)
    #expect(LimitTables.differences(page: page, code: code) == [], "\(pair.page)")
  }

  @Test(arguments: [
    ("8_192", "8,192"), ("64 * 1_024", "65,536"), ("1 << 20", "1,048,576"), ("12", "12"),
    ("4 * 1_024 * 1_024", "4,194,304"),
    ("Duration.milliseconds(250)", "250 ms"), ("Duration.seconds(24 * 3_600)", "24 h"),
    ("Duration.seconds(60)", "60 s"),
    ("Duration.milliseconds(2_000)", "2 s"),
  ])
  func valuesAreWrittenAsPeopleReadThem(expression: String, text: String) {
    #expect(LimitTables.text(of: expression) == text)
  }

  @Test func whatDiffersIsNamed() {
    let code = """
      /// Two.
        public static let one: UInt64 = 1
        public static let two = 2_000
      """
    let page = "| `two` | 2,001 | a |\n| `three` | 3 | b |\n| `four` | no row | of limits | here |\n"
    #expect(
      LimitTables.differences(page: page, code: code)
        == ["one isn't listed", "three is no limit", "two is 2,000, not 2,001"])
  }
}
