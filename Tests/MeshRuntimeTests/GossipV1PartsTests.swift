import MeshConfig
import MeshSecurity
import Testing

@testable import MeshRuntime

@Test(arguments: [(false, 64), (true, Int.max)])
func oneCertificateHasAShareOfTheV1PlacesUnlessItMayBeThatOfAllHosts(namesHosts: Bool, most: Int) throws {
  let mesh = try TestMesh(["a"])
  var configuration = try mesh.configuration("a")
  configuration.gossipV1HostCertificates = namesHosts
  var trust = SecurityOptions()
  (trust.certificatePath, trust.keyPath) = (configuration.certificatePath, configuration.keyPath)
  trust.trustBundlePath = configuration.trustBundlePath
  let parts = try GossipV1Parts(
    configuration, security: NodeSecurity(options: trust),
    advertised: #require(Endpoint(host: "127.0.0.1", port: 1)), seed: 1)
  #expect(parts.clientOptions.connectionsPerCallerMax == most)
}
