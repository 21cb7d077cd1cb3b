/// The page `docs/reference/configuration.md`, written from the table of keys.
public enum ConfigurationReference {
  /// The whole page, in Markdown.
  public static func markdown() -> String {
    let table = ConfigurationTable.keys
    let parts = [
      introduction, section("Keys", table.filter(\.hasEffect)), acceptedSection(table.filter { !$0.hasEffect }),
    ]
    return parts.joined(separator: "\n")
  }

  private static func section(_ title: String, _ keys: [ConfigurationKey]) -> String {
    let rows = keys.map { key in
      let secret = key.isSecret ? " A secret: never shown." : ""
      return "| `\(key.path)` | \(key.typeName) | \(key.defaultText) | \(key.allowed) | \(key.meaning)\(secret) |"
    }
    return """
      ## \(title)
      | Key | Type | Default | Allowed | Meaning |
      |---|---|---|---|---|
      \(rows.joined(separator: "\n"))

      """
  }

  private static func acceptedSection(_ keys: [ConfigurationKey]) -> String {
    section("Accepted without effect", keys)
      + """

      OmniRelay has these keys. Their values are checked, each that is set gives one notice when the node opens, and
      nothing else happens.

      """
  }

  private static let introduction = """
    # Configuration
    <!-- Written from the table in Sources/MeshConfig;
    `MESHKIT_UPDATE_DOCS=1 swift test --filter MeshConfigTests` rewrites it. -->

    A node is configured by JSON documents, environment variables and single settings (`meshkit_config_load_json`,
    `meshkit_config_set`); what comes later wins. `examples/config/` holds a configuration for development and one for
    production.

    - **Keys** are paths such as `mesh:gossip:interval`. They match in any case. The root `omnirelay` is optional, and
      sections beside `mesh` are ignored, so an OmniRelay configuration can be loaded as it is.
    - **Mistakes** below `mesh:` are all reported at once, each with its path, its value and what is allowed. An unknown
      key is a mistake. A source with a mistake changes nothing.
    - **Durations** are `1500ms`, `2s`, `1.5m`, `1h`, `1d`, or .NET's `00:00:01.5` and `1.02:03:04`. A bare number is
      refused: .NET reads it as days.
    - **Lists and maps** are JSON arrays and objects, or texts: `a:1,b:2` and `key=value,key=value`. One given later
      replaces one given earlier whole; `mesh:gossip:seedPeers:0` and `mesh:gossip:labels:zone` set one entry.
    - **null** in a document unsets a key.

    ## Environment
    | Spelling | Key |
    |---|---|
    | `MESH_GOSSIP__FANOUT=4`, `omnirelay__mesh__gossip__fanout=4`, `MESH__GOSSIP__FANOUT=4` | `mesh:gossip:fanout` |
    | `MESH_GOSSIP__SEEDPEERS__0=mesh-b:17421` | the first of `mesh:gossip:seedPeers` |
    | `MESH_GOSSIP__LABELS__zone=iad-1` | the label `zone` |
    | `MESH_GOSSIP__TLS__CERTIFICATEPATH=…` | `mesh:gossip:tls:certificatePath` |
    | `MESH_DATADIR=…` | `mesh:dataDir` |
    | `MESH_GOSSIP_CERT_PATH=…` | the default of `mesh:gossip:tls:certificatePath`, which any setting overrides |
    | `MESH_GOSSIP_CERT_DATA=…` | likewise of `mesh:gossip:tls:certificateData` |
    | `MESH_GOSSIP_CERT_PASSWORD=…` | likewise of `mesh:gossip:tls:certificatePassword` |

    Other variables are ignored, `DOTNET_ENVIRONMENT` among them: nothing makes a node trust a certificate that it can't
    check.

    """
}
