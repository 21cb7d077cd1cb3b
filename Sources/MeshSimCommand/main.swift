import Glibc
import MeshSim

do {
  let campaign = try Campaign(arguments: Array(CommandLine.arguments.dropFirst()))
  if campaign.runsInTurn {
    exit(campaign.run(output: writeLine))
  } else {
    exit(Pool(campaign, output: writeLine).run())
  }
} catch {
  let complaint = Array("meshsim: \(error.message)\n".utf8)
  _ = write(STDERR_FILENO, complaint, complaint.count)
  exit(2)
}
