/// Bugs that the simulator plants on purpose, to prove that its checkers see them. A node that ships has none.
public struct Mutations: OptionSet, Sendable {
  /// One bit for each planted bug.
  public let rawValue: UInt32
  /// The planted bugs behind `rawValue`.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// A suspected node doesn't answer the suspicion.
  public static let skipsRefutation = Mutations(rawValue: 1)
  /// An alive claim of the same incarnation brings the dead back.
  public static let acceptsEqualAliveOverDead = Mutations(rawValue: 2)
  /// A suspicion never ends in a death.
  public static let forgetsSuspicionTimer = Mutations(rawValue: 4)
  /// News is told once, and digests are never compared.
  public static let dropsRetransmissionAndSync = Mutations(rawValue: 8)
  /// An accuser raises the incarnation of the one it accuses.
  public static let mintsForOthers = Mutations(rawValue: 16)
  /// Any claim replaces what is known, older ones too.
  public static let acceptsOlderClaims = Mutations(rawValue: 32)
  /// News is kept after it was told often enough.
  public static let keepsNewsForEver = Mutations(rawValue: 64)
  /// Other accusers don't count.
  public static let dropsConfirmations = Mutations(rawValue: 128)
  /// An alive claim of the same incarnation clears a suspicion.
  public static let forgetsIncarnation = Mutations(rawValue: 256)
  /// No relays are asked.
  public static let asksNoRelays = Mutations(rawValue: 512)
  /// One neighbour's word makes a member dead or gone.
  public static let believesOneVoice = Mutations(rawValue: 1_024)
  /// The dead are never tried again.
  public static let neverHeals = Mutations(rawValue: 2_048)
  /// A relay that is deaf itself isn't told from a dead subject.
  public static let ignoresNacks = Mutations(rawValue: 4_096)
  /// What is known already is told again as if it were new.
  public static let tellsAgain = Mutations(rawValue: 8_192)
}
