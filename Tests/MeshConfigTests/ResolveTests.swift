import Glibc
import MeshBasics
import MeshWire
import Testing

@testable import MeshConfig

struct ResolveTests {
  private func refused(_ settings: [(String, String)], host: String = "h") throws -> [String] {
    let configuration = try opened(settings)
    return problems { () throws(ConfigurationError) in _ = try configuration.resolve(hostName: host) }.map(\.path)
  }

  @Test func unsetKeysHaveTheDefaultsOfTheTable() throws {
    let plain = try opened().resolve(hostName: "host-1")
    for key in Configuration.table where key.hasEffect {
      guard (try? key.type.parse(text: key.defaultText)) != nil, !["none"].contains(key.defaultText),
        key.typeName != "path"
      else { continue }
      #expect(try opened([(key.path, key.defaultText)]).resolve(hostName: "host-1") == plain, "\(key.path)")
    }
    #expect(plain.nodeID.name == "mesh-host-1" && plain.advertiseHost == "host-1")
    #expect(plain.interval == .seconds(1) && plain.suspicionInterval == .seconds(5) && plain.pingTimeout == .seconds(2))
  }

  @Test func theHostsNameIsMadeFitForANode() throws {
    #expect(Resolver.defaultName("Büro host") == "mesh-B--ro-host")
    #expect(Resolver.defaultName("") == "mesh-node")
    #expect(Resolver.defaultName(String(repeating: "x", count: 300)).utf8.count == 128)
    #expect(try refused([], host: "bad host") == ["mesh:gossip:advertiseHost"])
    #expect(try refused([("mesh:gossip:advertiseHost", "ok")], host: "bad host") == [])
  }

  @Test func aNodeBoundToOneAddressAdvertisesIt() throws {
    #expect(try opened([("mesh:gossip:bindAddress", "127.0.0.1")]).resolve(hostName: "h").advertiseHost == "127.0.0.1")
    #expect(try opened([("mesh:gossip:bindAddress", "::")]).resolve(hostName: "h").advertiseHost == "h")
    #expect(try refused([("mesh:gossip:advertiseHost", "0.0.0.0")]) == ["mesh:gossip:advertiseHost"])
  }

  @Test func exactlyOneCertificateIsNeeded() throws {
    let none = problems { () throws(ConfigurationError) in _ = try Configuration().resolve(hostName: "h") }
    #expect(none.map(\.path) == ["mesh:gossip:tls:certificatePath"])
    #expect(try refused([("mesh:gossip:tls:certificateData", "QUJD")]) == ["mesh:gossip:tls:certificateData"])
    #expect(try refused([("mesh:gossip:tls:certificatePath", ""), ("mesh:gossip:tls:certificateData", "QUJD")]) == [])
  }

  @Test func keyAndRootsGoWithPemOnly() throws {
    #expect(try refused([("mesh:gossip:tls:keyPath", "k")]) == ["mesh:gossip:tls:keyPath"])
    #expect(try refused([("mesh:gossip:tls:certificatePath", "c.pem")]) == ["mesh:gossip:tls:trustBundlePath"])
    let pem = [
      ("mesh:gossip:tls:certificatePath", "c.PEM"), ("mesh:gossip:tls:keyPath", "k"),
      ("mesh:gossip:tls:trustBundlePath", "r"),
    ]
    #expect(try refused(pem) == [])
  }

  @Test func revocationNeedsAList() throws {
    let check = "mesh:gossip:tls:checkCertificateRevocation"
    let list = ("mesh:gossip:tls:revocationListPath", "crl.pem")
    #expect(try refused([(check, "true")]) == [check])
    #expect(try refused([(check, "false")]) == [])
    #expect(try refused([(check, "true"), list]) == [])
    #expect(try refused([(check, "false"), list]) == [check])
    #expect(try opened([list]).resolve(hostName: "h").revocationListPath == "crl.pem")
  }

  @Test(arguments: [
    ("1s", "2s", "2001ms", "1999ms"), ("1s", "100ms", "1301ms", "1300ms"), ("250ms", "2s", "501ms", "498ms"),
    ("3s", "1s", "6001ms", "6s"), ("10ms", "5ms", "21ms", "20ms"),
  ])
  func suspicionOutlastsAProbeAndItsRelays(_ interval: String, _ timeout: String, _ good: String, _ bad: String) throws
  {
    let probe = [("mesh:gossip:interval", interval), ("mesh:gossip:pingTimeout", timeout)]
    #expect(try refused(probe + [("mesh:gossip:suspicionInterval", good)]) == [])
    #expect(try refused(probe + [("mesh:gossip:suspicionInterval", bad)]) == ["mesh:gossip:suspicionInterval"])
  }

  @Test func aSuspicionThatIsTooShortNamesTheKeysTheirValuesAndWhatIsAllowed() throws {
    let configuration = try opened([("mesh:gossip:suspicionInterval", "1s"), ("mesh:gossip:pingTimeout", "200ms")])
    let found = problems { () throws(ConfigurationError) in _ = try configuration.resolve(hostName: "h") }
    for part in [
      "'1s'", "mesh:gossip:interval '1s'", "mesh:gossip:pingTimeout '200ms'", "allowed: longer than 1600ms",
    ] {
      #expect(found.first?.message.contains(part) == true, "\(part): \(found)")
    }
  }

  @Test func scopesComeAsAListOrAsTextAndReadingIsAlwaysIncluded() throws {
    let reading = ["mesh.read", "mesh.observe"]
    let key = "mesh:control:loopbackScopes"
    func scopes(_ text: String) throws -> [String] { try opened([(key, text)]).resolve(hostName: "h").controlScopes }
    #expect(try opened([]).resolve(hostName: "h").controlScopes == reading)
    #expect(try scopes("") == reading)
    for text in ["mesh.operate", "mesh.operate mesh.read", " mesh.observe,mesh.operate ", "MESH.OPERATE"] {
      #expect(try scopes(text) == reading + ["mesh.operate"], "\(text)")
    }
    var document = try opened()
    try document.load(json: Array(#"{"mesh":{"control":{"loopbackScopes":["mesh.operate"]}}}"#.utf8))
    #expect(try document.resolve(hostName: "h").controlScopes == reading + ["mesh.operate"])
    let open = ("mesh:control:principalsPath", "who.json")
    for text in ["none", " NONE "] {
      #expect(try opened([(key, text), open]).resolve(hostName: "h").controlScopes == [], "\(text)")
    }
    #expect(try refused([(key, "none")]) == [key], "nobody could ask")
    #expect(try refused([(key, "none"), ("mesh:control:enabled", "false")]) == [])
    for bad in ["none,mesh.read", "mesh.write", "mesh.admin", "operate", "mesh.operate;mesh.read", "*"] {
      let found = problems(setting: key, bad)
      #expect(found.map(\.path) == [key])
      #expect(found.first?.message.contains("allowed: any of mesh.read, mesh.observe, mesh.operate") == true)
    }
  }

  @Test func theControlListenerSpeaksTLSByOneOfThreeWords() throws {
    let key = "mesh:control:tls"
    #expect(try opened([]).resolve(hostName: "h").controlTLS == .off)
    for mode in ControlTLS.allCases {
      #expect(try opened([(key, mode.rawValue)]).resolve(hostName: "h").controlTLS == mode)
    }
    for bad in ["true", "ON", "tls", "mutual,on", ""] {
      let found = problems(setting: key, bad)
      #expect(found.map(\.path) == [key], "\(bad)")
      #expect(found.first?.message.contains("one of off, on, mutual") == true, "\(found)")
    }
  }

  @Test func beyondLoopbackTheControlListenerNeedsTLSAndPrincipals() throws {
    let address = "mesh:control:address"
    let (tls, principals) = ("mesh:control:tls", ("mesh:control:principalsPath", "who.json"))
    for host in ["0.0.0.0", "::", "10.0.0.1", "2001:db8::1"] {
      for settings in [[], [principals], [(tls, "on")], [(tls, "mutual")], [(tls, "off"), principals]] {
        #expect(try refused([(address, host)] + settings) == [address], "\(host) \(settings)")
      }
      for mode in ["on", "mutual"] {
        let node = try opened([(address, host), (tls, mode), principals]).resolve(hostName: "h")
        #expect(node.controlAddress == host && node.principalsPath == "who.json")
      }
      #expect(try refused([(address, host), ("mesh:control:enabled", "false")]) == [])
    }
    #expect(try refused([(address, "::1")]) == [] && refused([(address, "127.9.9.9"), principals]) == [])
    let configuration = try opened([(address, "0.0.0.0"), (tls, "on")])
    let found = problems { () throws(ConfigurationError) in _ = try configuration.resolve(hostName: "h") }
    #expect(
      found.first?.message.contains("it speaks TLS and mesh:control:principalsPath is unset; allowed") == true)
  }

  @Test func furtherControlListenersKeepToTheRulesOfTheFirst() throws {
    let (key, tls) = ("mesh:control:alsoListenOn", "mesh:control:tls")
    let principals = ("mesh:control:principalsPath", "who.json")
    func further(_ text: String, _ more: [(String, String)] = []) throws -> [ControlListener] {
      try opened([(key, text)] + more).resolve(hostName: "h").furtherControlListeners
    }
    #expect(try further("") == [])
    let plain = ControlListener(address: "127.0.0.1", port: 0, speaksTLS: false)
    #expect(try further("127.0.0.1:0") == [plain] && further("HTTP://127.0.0.1:0", [(tls, "on")]) == [plain])
    let secure = [
      ControlListener(address: "127.0.0.1", port: 9, speaksTLS: true),
      ControlListener(address: "::", port: 8443, speaksTLS: true),
    ]
    #expect(try further("127.0.0.1:9,[::]:8443", [(tls, "mutual"), principals]) == secure)
    #expect(try further("https://127.0.0.1:9 , https://[::]:8443", [principals]) == secure)
    #expect(secure.map(\.description) == ["127.0.0.1:9", "[::]:8443"])
    for settings in [[], [principals], [(tls, "on")]] {
      #expect(try refused([(key, "10.0.0.1:9")] + settings) == [key], "\(settings)")
    }
    #expect(try refused([(key, "http://10.0.0.1:9"), (tls, "on"), principals]) == [key])
    #expect(try refused([(key, "10.0.0.1:9"), ("mesh:control:enabled", "false")]) == [])
    let configuration = try opened([(key, "127.0.0.1:9,10.0.0.1:9")])
    let found = problems { () throws(ConfigurationError) in _ = try configuration.resolve(hostName: "h") }
    #expect(found.first?.message.hasPrefix("'10.0.0.1:9' can be reached from other machines") == true, "\(found)")
  }

  @Test func noTwoListenersHaveOnePortOfOneAddress() throws {
    let key = "mesh:control:alsoListenOn"
    for text in ["127.0.0.1:8080", "127.0.0.1:17421", "127.0.0.1:9,https://127.0.0.1:9", "[::1]:9,[0:0::1]:9"] {
      #expect(try refused([(key, text)]) == [key], "\(text)")
    }
    for text in ["127.0.0.2:8080", "127.0.0.1:9,127.0.0.2:9", "127.0.0.1:0,127.0.0.2:0", "[::1]:8080", "[::1]:17421"] {
      #expect(try refused([(key, text)]) == [], "\(text)")
    }
    #expect(try refused([(key, "[::1]:17421"), ("mesh:gossip:bindAddress", "::")]) == [key])
  }

  @Test func theTwoListenersNeedTwoPorts() throws {
    #expect(try refused([("mesh:gossip:port", "8080")]) == ["mesh:control:port"])
    #expect(try refused([("mesh:gossip:port", "8080"), ("mesh:control:enabled", "false")]) == [])
    #expect(try refused([("mesh:gossip:port", "0"), ("mesh:control:port", "0")]) == [])
    #expect(try refused([("mesh:gossip:port", "8080"), ("mesh:gossip:bindAddress", "127.0.0.2")]) == [])
    let everywhere = [
      ("mesh:control:address", "0.0.0.0"), ("mesh:control:tls", "on"), ("mesh:control:principalsPath", "who.json"),
      ("mesh:gossip:port", "8080"), ("mesh:gossip:bindAddress", "127.0.0.2"),
    ]
    #expect(try refused(everywhere) == ["mesh:control:port"])
  }

  @Test func allMistakesAcrossKeysComeAtOnce() throws {
    let found = try refused([
      ("mesh:gossip:port", "8080"), ("mesh:gossip:suspicionInterval", "1s"), ("mesh:gossip:tls:keyPath", "k"),
    ])
    #expect(found == ["mesh:gossip:suspicionInterval", "mesh:gossip:tls:keyPath", "mesh:control:port"])
  }

  @Test func theLargestMetadataFitsTheWire() throws {
    let value = String(repeating: "v", count: 4_095)
    let text = String(repeating: "r", count: 128)
    let node = try opened([
      ("mesh:gossip:labels", "a=\(value),b=\(value),c=\(value)"), ("mesh:gossip:role", text),
      ("mesh:gossip:region", text),
      ("mesh:gossip:clusterId", text), ("mesh:gossip:meshVersion", text), ("mesh:gossip:nodeId", text),
    ]).resolve(hostName: "h")
    var record = MemberRecord()
    record.nodeID = node.nodeID.name
    record.metadata = NodeMetadata()
    record.metadata?.labels = node.labels
    record.metadata?.role = node.role
    record.metadata?.region = node.region
    record.metadata?.clusterID = node.clusterID
    record.metadata?.meshVersion = node.meshVersion
    #expect(throws: Never.self) { try MemberRecord.decode(record.encoded()) }
  }

  @Test(arguments: ["development", "production"])
  func theSampleConfigurationsLoad(_ name: String) throws {
    var configuration = Configuration()
    try configuration.load(json: #require(content("\(packageRoot)/examples/config/\(name).json")))
    let node = try configuration.resolve(hostName: "h")
    #expect(configuration.notices == [])
    #expect(!node.seeds.isEmpty && !node.dataDirectory.isEmpty && node.trustBundlePath != nil)
  }

  @Test func theReferenceIsWhatTheTableSays() throws {
    let path = "\(packageRoot)/docs/reference/configuration.md"
    let page = Array(ConfigurationReference.markdown().utf8)
    if getenv("MESHKIT_UPDATE_DOCS") != nil, let file = fopen(path, "wb") {
      fwrite(page, 1, page.count, file)
      fclose(file)
    }
    #expect(content(path) == page, "rewrite it: MESHKIT_UPDATE_DOCS=1 swift test --filter MeshConfigTests")
  }

  @Test func everyKeyIsListedOnce() {
    #expect(Configuration.keys.count == Configuration.table.count)
    #expect(
      Configuration.keys.map(Text.lowercased).sorted().elementsEqual(
        Set(Configuration.keys.map(Text.lowercased)).sorted()))
  }

  @Test func hostileInputNeverTraps() throws {
    let folder = "\(packageRoot)/Tests/Fixtures/corpus/configuration"
    let files = names(in: folder)
    #expect(files.count > 20)
    var random = SeededRandom(seed: 20)
    for name in files {
      let bytes = try #require(content("\(folder)/\(name)"))
      tryAll(bytes)
      for _ in 0..<(3_000 / files.count) {
        var mutated = bytes
        for _ in 0...random.below(4) where !mutated.isEmpty {
          let place = Int(random.below(UInt64(mutated.count)))
          if random.chance(1, in: 3) { mutated.remove(at: place) } else { mutated[place] = UInt8(random.below(256)) }
        }
        tryAll(mutated)
      }
    }
  }

  /// What the fuzz target does.
  private func tryAll(_ bytes: [UInt8]) {
    var configuration = Configuration()
    try? configuration.load(json: bytes)
    for line in String(decoding: bytes.prefix(2_000), as: UTF8.self).split(separator: "\n").prefix(16) {
      let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
      guard let name = parts.first, let value = parts.last else { continue }
      try? configuration.set(name, value)
      try? configuration.load(environment: [(name, value)])
    }
    _ = try? configuration.resolve(hostName: "h")
  }
}
