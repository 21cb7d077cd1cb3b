import Glibc
import MeshSim

do {
  let campaign = try Campaign(arguments: Array(CommandLine.arguments.dropFirst()))
  // tidy:allow print: a command's own output, one line for each thing it has to say.
  exit(campaign.run { print($0) })
} catch {
  let complaint = Array("meshsim: \(error.message)\n".utf8)
  _ = write(STDERR_FILENO, complaint, complaint.count)
  exit(2)
}
