// The faces see the types that cross this module's doors without knowing in which room each was made.
@_exported import MeshBasics
@_exported import MeshConfig
@_exported import MeshMembership
@_exported import MeshTasks
@_exported import MeshTelemetry
@_exported import MeshWire
