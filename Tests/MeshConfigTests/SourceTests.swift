import MeshBasics
import MeshWire
import Testing

@testable import MeshConfig

struct SourceTests {
  @Test(arguments: [
    #"{"omnirelay":{"mesh":{"gossip":{"fanout":4}}}}"#, #"{"mesh":{"gossip":{"fanout":"4"}}}"#,
    #"{"OmniRelay":{"MESH":{"Gossip":{"FanOut":4}}}}"#, #"{"omnirelay:mesh:gossip":{"fanout":4}}"#,
    #"{"mesh:gossip:fanout":4,"logging":{"mesh":7},"omnirelay":{"service":"x","inbounds":[]}}"#,
  ])
  func theRootIsOptionalAndKeysMatchInAnyCase(_ json: String) throws {
    var configuration = try opened()
    try configuration.load(json: Array(json.utf8))
    #expect(configuration.value("Mesh:Gossip:Fanout") == "4")
    #expect(configuration.value("omnirelay:mesh:gossip:fanout") == "4")
    #expect(try configuration.resolve(hostName: "h").fanout == 4)
  }

  @Test func allMistakesComeAtOnceAndNothingIsApplied() throws {
    var configuration = try opened()
    let json = #"{"mesh":{"dataDir":"/d","gossip":{"fanuot":4,"port":70000,"interval":5,"tls":3},"nonsense":{}}}"#
    let found = problems { () throws(ConfigurationError) in try configuration.load(json: Array(json.utf8)) }
    #expect(
      found.map(\.path) == [
        "mesh:gossip:fanuot", "mesh:gossip:port", "mesh:gossip:interval", "mesh:gossip:tls", "mesh:nonsense",
      ])
    #expect(found[0].message.contains("'4'") && found[0].message.contains("did you mean mesh:gossip:fanout?"))
    #expect(found[1].message.contains("'70000'") && found[1].message.contains("0 to 65535"))
    #expect(found[4].message.contains("allowed here: ") && found[4].message.contains("mesh:gossip"))
    #expect(configuration.value("mesh:dataDir") == nil)
  }

  @Test func aKeyInTheWrongSectionIsPointedToItsPlace() throws {
    let found = try #require(problems(setting: "mesh:gossip:certificatePath", "x").first)
    #expect(found.message.contains("did you mean mesh:gossip:tls:certificatePath?"))
  }

  /// Advice for each of them would take minutes.
  @Test func aDocumentFullOfUnknownKeysIsRefusedQuickly() {
    let keys = (0..<5_000).map { "\"gossip:intervl\($0)\":1" }.joined(separator: ",")
    let found = problems(json: "{\"mesh\":{\(keys)}}")
    #expect(found.count == ConfigurationError.problemsMax)
    #expect(found.last?.message == "and 4901 more problems")
  }

  @Test func problemsAreLimited() {
    let keys = (0..<150).map { #""zzzzzzzz\#($0)":1"# }.joined(separator: ",")
    let found = problems(json: "{\"mesh\":{\(keys)}}")
    #expect(found.count == 100)
    #expect(found.last?.message == "and 51 more problems")
  }

  @Test(arguments: [
    "", "[]", "5", "{", #"{"mesh":5}"#, #"{"mesh":{"gossip":[]}}"#, #"{"omnirelay":[]}"#,
    #"{"mesh":{"gossip":{"fanout":4,"Fanout":5}}}"#,
  ])
  func otherDocumentsAreRefused(_ json: String) { #expect(problems(json: json).count == 1) }

  @Test func nullUnsetsAKey() throws {
    var configuration = try opened([("mesh:gossip:fanout", "9")])
    try configuration.load(json: Array(#"{"mesh":{"gossip":{"fanout":null},"control":null}}"#.utf8))
    #expect(configuration.value("mesh:gossip:fanout") == nil)
  }

  @Test func laterSourcesReplaceListsAndMapsWhole() throws {
    var configuration = try opened()
    try configuration.load(
      json: Array(#"{"mesh":{"gossip":{"seedPeers":["a:1"," b:2 ","a:1"],"labels":{"z":1,"a":true}}}}"#.utf8))
    #expect(configuration.value("mesh:gossip:seedPeers") == "a:1,b:2")
    #expect(configuration.value("mesh:gossip:labels") == "a=true,z=1")
    try configuration.load(environment: [
      ("MESH_GOSSIP__SEEDPEERS__1", "d:4"), ("MESH_GOSSIP__SEEDPEERS__0", "c:3"),
      ("MESH_GOSSIP__LABELS__mesh.Zone", "iad"),
    ])
    #expect(configuration.value("mesh:gossip:seedPeers") == "c:3,d:4")
    #expect(try configuration.resolve(hostName: "h").labels == [Label(key: "mesh.Zone", value: "iad")])
    try configuration.set("mesh:gossip:seedPeers:2", "e:5")
    try configuration.set("mesh:gossip:seedPeers:0", "f:6")
    try configuration.set("mesh:gossip:labels:a:b", "c,d=e")
    #expect(configuration.value("mesh:gossip:seedPeers") == "f:6,d:4,e:5")
    #expect(configuration.value("mesh:gossip:labels") == "a:b=c,d=e,mesh.Zone=iad")
    for (path, value) in [
      ("mesh:gossip:seedPeers:9", "x:1"), ("mesh:gossip:seedPeers:99999999999999999999", "x:1"),
      ("mesh:gossip:seedPeers:0", "x"),
    ] {
      #expect(problems { () throws(ConfigurationError) in try configuration.set(path, value) }.count == 1)
    }
  }

  @Test(arguments: [
    "MESH_GOSSIP__FANOUT", "omnirelay__mesh__gossip__fanout", "MESH__GOSSIP__FANOUT", "OMNIRELAY__MESH__GOSSIP__FANOUT",
  ])
  func theEnvironmentHasBothSpellings(_ name: String) throws {
    var configuration = try opened()
    try configuration.load(environment: [("PATH", "/bin"), (name, "4")])
    #expect(configuration.value("mesh:gossip:fanout") == "4")
  }

  @Test func variablesOfOthersAreIgnored() throws {
    var configuration = try opened()
    try configuration.load(environment: [
      ("MESH_GOSSIP_PORT", "tcp://10.0.0.1:17421"), ("MESH_PORT", "x"), ("MESHDEMO__X", "y"),
      ("omnirelay__service", "s"), ("__", ""),
      ("", ""), ("mesh", "x"), ("omnirelay__mesh", "x"), ("DOTNET_ENVIRONMENT", "Development"), ("MESH_OTHER__X", "1"),
    ])
    #expect(try configuration.resolve(hostName: "h") == opened().resolve(hostName: "h"))
  }

  @Test func mistakesInTheEnvironmentNameTheVariable() throws {
    var configuration = try opened()
    let found = problems { () throws(ConfigurationError) in
      try configuration.load(environment: [
        ("MESH_GOSSIP__FANUOT", "4"), ("MESH_GOSSIP__PORT", "x"), ("MESH_GOSSIP__INTERVAL", "1s"),
        ("omnirelay__mesh__gossip__interval", "2s"),
      ])
    }
    #expect(found.map(\.path) == ["mesh:gossip:FANUOT", "mesh:gossip:port", "mesh:gossip:interval"])
    #expect(found[1].message.contains("MESH_GOSSIP__PORT"))
    #expect(found[2].message.contains("given twice"))
  }

  @Test func certificateVariablesAreDefaultsThatSettingsOverride() throws {
    var configuration = Configuration()
    try configuration.load(environment: [
      ("MESH_GOSSIP_CERT_PATH", "env.pfx"), ("MESH_GOSSIP_CERT_PASSWORD", "pw"), ("MESH_GOSSIP_CERT_DATA", ""),
    ])
    let node = try configuration.resolve(hostName: "h")
    #expect(node.certificatePath == "env.pfx" && node.certificatePassword == "pw")
    try configuration.set("mesh:gossip:tls:certificateData", "QUJD")
    #expect(try configuration.resolve(hostName: "h").certificatePath == "")
    #expect(try configuration.resolve(hostName: "h").certificateData == "QUJD")
    #expect(
      problems { () throws(ConfigurationError) in
        try configuration.load(environment: [("MESH_GOSSIP_CERT_DATA_SECRET", "s")])
      }.count == 1)
  }

  @Test func keysWithoutEffectGiveOneNoticeEach() throws {
    var configuration = try opened()
    #expect(configuration.notices == [])
    let gossip = #"{"activeViewSize":16,"shuffleInterval":"00:00:02"}"#
    let json = #"{"mesh":{"gossip":\#(gossip),"leadership":{"scopes":[{"scopeId":"x"}]}}}"#
    try configuration.load(json: Array(json.utf8))
    #expect(configuration.notices.count == 3)
    #expect(configuration.notices.allSatisfy { $0.contains("has no effect") })
    #expect(
      problems(json: #"{"mesh":{"leadership":{"leaseDuraton":"8s"}}}"#).first?.message.contains("leaseDuration?")
        == true)
  }
}
