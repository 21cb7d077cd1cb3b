import MeshBasics

/// What one call of gRPC may cost, beside what its stream may (`StreamLimits`). Every number is tested at N and N+1.
public struct GRPCLimits: Equatable, Sendable {
  /// The longest message, as it comes and when it is expanded; longer ones end the call with RESOURCE_EXHAUSTED.
  public var messageBytesMax = 32 * 1024
  /// How long a caller may take until its first message is whole; then the call ends with DEADLINE_EXCEEDED.
  public var firstMessageTimeout = Duration.seconds(30)
  /// Values of metadata in one call; with more it ends with RESOURCE_EXHAUSTED. A field may hold many.
  public var metadataEntriesMax = 100
  /// Names and decoded values of the metadata of one call; with more it ends with RESOURCE_EXHAUSTED.
  public var metadataBytesMax = 8 * 1024
  /// Shorter answers are not compressed: they are not worth the 20 bytes of gzip's frame.
  public var compressedBytesMin = 1_024

  /// The limits of a control listener.
  public init() {}
}
