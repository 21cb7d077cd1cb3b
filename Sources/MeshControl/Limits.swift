import MeshBasics

/// What a watch costs at most, and how it keeps in touch.
public enum WatchLimits {
  /// What telemetry calls the limit of those who watch.
  static let name = "control watches"
  /// Changes that are kept for those who watch; who is further behind begins anew.
  public static let changesMax = 1_024
  /// Watches of one node at once; one more is answered 503.
  public static let watchesMax = 1_024
  /// Of them those of one principal: it must not take the places of others.
  public static let watchesPerPrincipalMax = 512
  /// Items of a snapshot that are written at once.
  static let itemsPerPart = 32
  /// Changes that are written at once.
  static let changesPerPart = 16

  /// The longest silence of a stream.
  static let heartbeat = Duration.seconds(15)
  /// How long a client waits before it comes back, as OmniRelay's streams say it (contracts: http §9).
  static let retry = Duration.seconds(2)
}

/// How many lease queues operators can see.
public enum QueueLimits {
  /// Queues that may be attached to one node: each has series of its own.
  public static let attachedMax = 64
  /// How often the attached queues are looked at.
  public static let interval = Duration.seconds(1)
  /// A sample that is younger serves the next caller as well.
  public static let sampleLife = Duration.milliseconds(250)
}

/// How much a file of principals may hold. Each request with a token is compared with all of them.
public enum PrincipalLimits {
  /// The largest file, in bytes.
  public static let fileBytesMax = 1 << 20
  /// The most principals.
  public static let principalsMax = 256
  /// The most credentials of each kind that one principal may have: several, so that they can be replaced one by one.
  static let credentialsMax = 8
  /// The longest name, in bytes.
  static let nameBytesMax = 64
}
