import MeshControl
import MeshSecurity
import MeshThreads

/// The principals of a node, read anew when their file was replaced. Safe from any thread; one of them reloads.
final class PrincipalsFile: @unchecked Sendable {
  // Sendable although it has variables: `lock` guards all of them.
  private let lock = Lock()
  private var file: ReloadedFile
  private var list: PrincipalList
  private var number: UInt64 = 1
  /// What an operator should look at, one sentence each.
  let notices: [String]

  /// Reads the file. *Errors*: name the file, and in it the entry, the field and what is allowed.
  init(path: String) throws(SecurityError) {
    var file = ReloadedFile(path: path, role: "principals", sizeMax: PrincipalLimits.fileBytesMax)
    guard let content = try file.changed() else { throw SecurityError("principals file \(path) was not read") }
    list = try PrincipalsFile.parse(content, path)
    file.tookOver(content)
    self.file = file
    self.path = path
    notices =
      content.isWritableByAll
      ? ["\(path) says who may operate the node, and every user of this machine may write it: chmod o-w"] : []
  }

  private let path: String

  /// Those of now, and a number that grows with each change of the file.
  var current: (list: PrincipalList, number: UInt64) { lock.locked { (list, number) } }

  /// Takes the file over if it is another one. *Errors*: as of `init`; those of before stay, and the next call tries
  /// again.
  func reloadIfChanged() throws(SecurityError) -> Bool {
    guard let content = try lock.locked({ file }).changed() else { return false }
    let new = try PrincipalsFile.parse(content, path)
    lock.locked {
      list = new
      number &+= 1
      file.tookOver(content)
    }
    return true
  }

  private static func parse(
    _ content: ReloadedFile.Content, _ path: String
  ) throws(SecurityError) -> PrincipalList {
    do throws(PrincipalError) {
      return try PrincipalList(parsing: content.bytes)
    } catch {
      throw SecurityError("principals file \(path): \(error.description)")
    }
  }
}

/// Says what a node would refuse in a file of principals, without one.
public enum PrincipalsCheck {
  /// The first mistake in a file's content; nil where there is none.
  public static func mistake(in content: String) -> String? {
    do throws(PrincipalError) {
      _ = try PrincipalList(parsing: Array(content.utf8))
      return nil
    } catch {
      return error.description
    }
  }
}
