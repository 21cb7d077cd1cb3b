import MeshConfig
import MeshSecurity
import MeshStore

/// What `Node.open` would read of the files that a configuration names, looked at without a node: nothing is bound,
/// created, written or locked.
///
/// It can't tell what only an attempt can: whether the ports are free, the addresses are the machine's, the names of
/// seeds are known, and another node holds the data folder.
public struct NodeInspection: Sendable {
  /// The node's certificate: its subject, and until when it is valid in Unix seconds. Nil when it can't be used.
  public let certificate: (subject: String, notAfter: Int64)?
  /// What an operator should look at, one sentence each; a node tells them when it opens.
  public let notices: [String]
  /// What would keep the node from opening, each with the section of the configuration that names the files.
  public let problems: [ConfigurationProblem]

  /// Reads the certificate, its key, the trust bundle and the revocation list, checks them against each other, the
  /// node's name and its cluster, and the file of principals, and looks whether the data folder can be used.
  public init(_ configuration: NodeConfiguration) {
    var problems: [ConfigurationProblem] = []
    var notices = configuration.notices
    var certificate: (subject: String, notAfter: Int64)?
    do throws(MeshError) {
      let security = try NodeParts.loadSecurity(configuration)
      certificate = (security.credential.subject, security.credential.notAfter)
      notices += security.notices
    } catch {
      problems.append(ConfigurationProblem(path: "mesh:gossip:tls", message: error.message))
    }
    do throws(SecurityError) {
      notices += try NodeParts.principals(configuration)?.notices ?? []
    } catch {
      problems.append(ConfigurationProblem(path: "mesh:control:principalsPath", message: error.description))
    }
    if !configuration.dataDirectory.isEmpty, let obstacle = NodeStore.obstacle(to: configuration.dataDirectory) {
      problems.append(ConfigurationProblem(path: "mesh:dataDir", message: obstacle.description))
    }
    self.certificate = certificate
    self.notices = notices
    self.problems = problems
  }
}
