import Glibc
import MeshSim

do {
  let arguments = Array(CommandLine.arguments.dropFirst())
  if arguments.first == "queues" {
    exit(try QueueCampaign(arguments: Array(arguments.dropFirst())).run(output: writeLine))
  }
  let campaign = try Campaign(arguments: arguments)
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
