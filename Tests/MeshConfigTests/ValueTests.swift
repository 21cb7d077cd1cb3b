import MeshBasics
import Testing

@testable import MeshConfig

struct ValueTests {
  @Test(arguments: [
    ("00:00:01.5", 1_500), ("1.02:03:04", 93_784_000), ("1500ms", 1_500), ("2s", 2_000), ("1.5s", 1_500),
    ("5m", 300_000), ("1h", 3_600_000), ("1d", 86_400_000), ("00:00:00.0000001", 0), ("2S", 2_000),
    ("23:59:59", 86_399_000),
  ])
  func durationsReadBothSpellings(_ text: String, _ milliseconds: Int64) {
    #expect(DurationText.parse(text)?.milliseconds == milliseconds)
  }

  @Test(arguments: [
    "", "5", "-1s", "1", "s", ".s", "1.s", ".5s", "1 s", "1x", "00:05", "24:00:00", "00:60:00", "00:00:60", "1:2:3:4",
    "00:00:01.",
    "00:00:01.1234567890", "-00:00:01", "9223372036854775807d", "99999999999999999999s", "9223372036854775807.00:00:00",
    "1.2.3s",
    "٣s", "1e3s",
  ])
  func otherDurationsAreRefused(_ text: String) { #expect(DurationText.parse(text) == nil) }

  @Test func aRenderedDurationReadsBack() {
    for span in [Duration.milliseconds(1), .milliseconds(1_500), .seconds(90), .seconds(3_600), .seconds(172_800)] {
      #expect(DurationText.parse(DurationText.render(span)) == span)
    }
  }

  @Test func aBareNumberIsRefusedAndTheMessageSaysHowToWriteIt() throws {
    let problem = try #require(problems(setting: "mesh:gossip:interval", "5").first)
    #expect(problem.path == "mesh:gossip:interval")
    #expect(
      problem.message.contains("'5'") && problem.message.contains("bare number") && problem.message.contains("5s"))
  }

  @Test(arguments: [
    ("mesh:gossip:port", ["0", "1", "65535"], ["-1", "65536", "x", "", "1.0", "1e3"]),
    ("mesh:gossip:advertisePort", ["1", "65535"], ["0", "65536"]),
    ("mesh:gossip:fanout", ["1", "32"], ["0", "33", "99999999999999999999"]),
    ("mesh:gossip:retransmitLimit", ["1", "64"], ["0", "65"]),
    ("mesh:gossip:interval", ["10ms", "60s"], ["9ms", "61s", "0s"]),
    ("mesh:gossip:suspicionInterval", ["20ms", "10m"], ["19ms", "601s"]),
    ("mesh:gossip:pingTimeout", ["5ms", "60s"], ["4ms", "61s"]),
    ("mesh:gossip:metadataRefreshPeriod", ["100ms", "24h"], ["99ms", "1441m"]),
    ("mesh:gossip:certificateReloadInterval", ["10ms", "1d"], ["9ms", "86401s"]),
    ("mesh:gossip:http3Support", ["true", "FALSE"], ["yes", "1", ""]),
    ("mesh:gossip:enabled", ["true"], ["false", "x"]),
    (
      "mesh:gossip:nodeId", ["a", String(repeating: "n", count: 128)],
      ["", "a b", "a/b", "..", String(repeating: "n", count: 129)]
    ),
    ("mesh:gossip:clusterId", ["alpha-1.x_y"], ["", "al pha", "ä"]),
    (
      "mesh:gossip:role", ["any text", String(repeating: "r", count: 128)],
      ["", "a\u{7}", String(repeating: "r", count: 129)]
    ),
    (
      "mesh:gossip:bindAddress", ["0.0.0.0", "::", "::1", "fe80::1", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8"],
      [
        "", "localhost", "1.2.3", "1.2.3.256", "01.2.3.4", "1::2::3", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", ":::",
        "12345::", "::1%lo",
      ]
    ),
    (
      "mesh:gossip:advertiseHost", ["mesh-a", "a.b.c", "10.0.0.7", "::1"],
      ["", "a:1", "a..b", "a b", String(repeating: "h", count: 64)]
    ),
    ("mesh:control:address", ["127.0.0.1", "::1", "0.0.0.0", "10.0.0.1", "::"], ["localhost", "127.1", ""]),
    (
      "mesh:gossip:seedPeers", ["", "a:1", "a:65535, [::1]:2,https://h:3/x"],
      ["a", "a:0", "a:65536", "a:1,", ":1", "a%b:1", "::1:1"]
    ),
    (
      "mesh:control:alsoListenOn", ["", "127.0.0.1:0", "[::1]:65535, http://127.0.0.1:1,HTTPS://[::1]:2"],
      ["127.0.0.1", "localhost:1", "127.0.0.1:65536", "127.0.0.1:-1", "::1:1", "[127.0.0.1]:1", "ftp://127.0.0.1:1"]
    ),
    ("mesh:gossip:tls:certificateData", ["QUJD", "QUI="], ["", "QUJ", "Q===", "Q*JD", "===="]),
    ("mesh:gossip:tls:allowUntrustedCertificates", ["false"], ["true"]),
    ("mesh:gossip:fanoutCoefficient", ["1.5", "2"], ["-1", "nan", "inf", "1e999", "x"]),
    ("mesh:leadership:leaseDuration", ["00:00:08"], ["8", "11m"]),
  ])
  func valuesAreCheckedByType(_ path: String, _ good: [String], _ bad: [String]) {
    for value in good { #expect(problems(setting: path, value) == [], "\(value)") }
    for value in bad { #expect(problems(setting: path, value).map(\.path) == [path], "\(value)") }
  }

  @Test func thumbprintsAreSha1OrSha256AndComeOutInUpperCase() throws {
    let sha1 = String(repeating: "ab", count: 20)
    let sha256 = String(repeating: "0C", count: 32)
    let node = try opened([("mesh:gossip:tls:allowedThumbprints", "\(sha1),\(sha256)")]).resolve(hostName: "h")
    #expect(node.allowedThumbprints == [String(repeating: "AB", count: 20), sha256])
    for bad in [String(sha1.dropLast()), sha1 + "a", "g" + sha1.dropFirst(), "ab:" + sha1, sha256 + "00"] {
      #expect(problems(setting: "mesh:gossip:tls:allowedThumbprints", bad).count == 1, "\(bad)")
    }
  }

  @Test func listsAndLabelsHaveLimits() {
    func seeds(_ count: Int) -> String { (0..<count).map { "h\($0):1" }.joined(separator: ",") }
    #expect(problems(setting: "mesh:gossip:seedPeers", seeds(256)) == [])
    #expect(problems(setting: "mesh:gossip:seedPeers", seeds(257)).count == 1)
    func listeners(_ count: Int) -> String { (1...count).map { "127.0.0.1:\($0)" }.joined(separator: ",") }
    #expect(problems(setting: "mesh:control:alsoListenOn", listeners(8)) == [])
    #expect(problems(setting: "mesh:control:alsoListenOn", listeners(9)).count == 1)
    func labels(_ count: Int) -> String { (0..<count).map { "k\($0)=v" }.joined(separator: ",") }
    #expect(problems(setting: "mesh:gossip:labels", labels(64)) == [])
    #expect(problems(setting: "mesh:gossip:labels", labels(65)).count == 1)
    for (key, value, count) in [(64, 1, 0), (65, 1, 1), (1, 4_096, 0), (1, 4_097, 1)] {
      let text = String(repeating: "k", count: key) + "=" + String(repeating: "v", count: value)
      #expect(problems(setting: "mesh:gossip:labels", text).count == count)
    }
    func large(_ last: Int) -> String {
      let value = String(repeating: "v", count: 4_095)
      return "a=\(value),b=\(value),c=\(String(repeating: "v", count: last))"
    }
    #expect(problems(setting: "mesh:gossip:labels", large(4_095)) == [])
    #expect(problems(setting: "mesh:gossip:labels", large(4_096)).count == 1)
    #expect(problems(setting: "mesh:gossip:labels", "=v").count == 1)
  }

  @Test func secretsAreNeverShown() throws {
    let configuration = try opened([("mesh:gossip:tls:certificatePassword", "hunter2")])
    #expect(configuration.value("mesh:gossip:tls:certificatePassword") == "***")
    let told =
      problems(setting: "mesh:gossip:tls:certificateData", "hunter2!")
      + problems(
        json: #"{"mesh":{"gossip":{"tls":{"certificatePasword":"hunter2","certificatePassword":{"x":"hunter2"}}}}}"#)
      + problems(setting: "mesh:gossip:tls:certificatePasswordSecret", "hunter2")
    #expect(told.count == 4)
    for problem in told { #expect(!problem.description.contains("hunter2") && problem.message.contains("***")) }
  }

  @Test func noDescriptionOrDumpShowsASecret() throws {
    let configuration = try opened([("mesh:gossip:tls:certificatePassword", "hunter2"), ("mesh:gossip:nodeId", "a")])
    let node = try configuration.resolve(hostName: "host")
    #expect(node.certificatePassword == "hunter2")
    var text = "\(configuration) \(node)"
    dump(configuration, to: &text)
    dump(node, to: &text)
    #expect(!text.contains("hunter2"))
    #expect(text.contains("mesh:gossip:tls:certificatepassword") && text.contains("NodeConfiguration(a in cluster"))
  }

  @Test func spacesAtTheEndsOfAPasswordBelongToIt() throws {
    let password = " two words\u{A0} "
    let configuration = try opened([("mesh:gossip:tls:certificatePassword", password)])
    #expect(try configuration.resolve(hostName: "host").certificatePassword == password)
    for (length, count) in [(0, 1), (1, 0), (1_024, 0), (1_025, 1)] {
      let text = String(repeating: " ", count: length)
      #expect(problems(setting: "mesh:gossip:tls:certificatePassword", text).count == count)
    }
    #expect(problems(setting: "mesh:gossip:tls:certificatePassword", "a\n").count == 1)
  }

  @Test func secretProvidersAreRefusedWithTheWayOut() throws {
    let problem = try #require(problems(setting: "mesh:gossip:tls:certificateDataSecret", "vault/x").first)
    #expect(problem.message.contains("no secret provider") && problem.message.contains("environment"))
  }
}
