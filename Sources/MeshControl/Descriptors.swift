// Written by Tests/InteropTests/protobuf/descriptors.py --write, which also checks it.

extension DescriptorFile {
  /// Every file that declares what is served, in the form that protoc gives it.
  static let all: [DescriptorFile] = [
    DescriptorFile(
      name: "meshkit/mesh/v1/mesh.proto",
      imports: [],
      symbols: """
        meshkit.mesh.v1.Ack meshkit.mesh.v1.Broadcast meshkit.mesh.v1.BroadcastPull meshkit.mesh.v1.Hello
        meshkit.mesh.v1.MemberRecord meshkit.mesh.v1.MemberState meshkit.mesh.v1.Mesh
        meshkit.mesh.v1.Mesh.MeshStream meshkit.mesh.v1.Mesh.Ping meshkit.mesh.v1.MeshFrame
        meshkit.mesh.v1.MetadataDelta meshkit.mesh.v1.MetadataDelta.ChangedEntry meshkit.mesh.v1.News
        meshkit.mesh.v1.NodeMetadata meshkit.mesh.v1.NodeMetadata.LabelsEntry meshkit.mesh.v1.Ping
        meshkit.mesh.v1.PingReply meshkit.mesh.v1.PingRequest meshkit.mesh.v1.ProbeReply
        meshkit.mesh.v1.ProbeRequest meshkit.mesh.v1.Release meshkit.mesh.v1.SecurityPosture
        meshkit.mesh.v1.SyncDelta meshkit.mesh.v1.SyncDigest meshkit.mesh.v1.SyncEntry
        meshkit.mesh.v1.SyncSummary meshkit.mesh.v1.View
        """.split(whereSeparator: \.isWhitespace).map(String.init),
      encoded: """
        ChptZXNoa2l0L21lc2gvdjEvbWVzaC5wcm90bxIPbWVzaGtpdC5tZXNoLnYxIvgFCglNZXNoRnJhbWUSLgoFaGVsbG8YASABKAsy\
        Fi5tZXNoa2l0Lm1lc2gudjEuSGVsbG9IAFIFaGVsbG8SKwoEcGluZxgCIAEoCzIVLm1lc2hraXQubWVzaC52MS5QaW5nSABSBHBp\
        bmcSKAoDYWNrGAMgASgLMhQubWVzaGtpdC5tZXNoLnYxLkFja0gAUgNhY2sSKwoEbmV3cxgEIAEoCzIVLm1lc2hraXQubWVzaC52\
        MS5OZXdzSABSBG5ld3MSKwoEdmlldxgFIAEoCzIVLm1lc2hraXQubWVzaC52MS5WaWV3SABSBHZpZXcSRAoNcHJvYmVfcmVxdWVz\
        dBgGIAEoCzIdLm1lc2hraXQubWVzaC52MS5Qcm9iZVJlcXVlc3RIAFIMcHJvYmVSZXF1ZXN0Ej4KC3Byb2JlX3JlcGx5GAcgASgL\
        MhsubWVzaGtpdC5tZXNoLnYxLlByb2JlUmVwbHlIAFIKcHJvYmVSZXBseRI+CgtzeW5jX2RpZ2VzdBgIIAEoCzIbLm1lc2hraXQu\
        bWVzaC52MS5TeW5jRGlnZXN0SABSCnN5bmNEaWdlc3QSQQoMc3luY19zdW1tYXJ5GAkgASgLMhwubWVzaGtpdC5tZXNoLnYxLlN5\
        bmNTdW1tYXJ5SABSC3N5bmNTdW1tYXJ5EjsKCnN5bmNfZGVsdGEYCiABKAsyGi5tZXNoa2l0Lm1lc2gudjEuU3luY0RlbHRhSABS\
        CXN5bmNEZWx0YRI6Cglicm9hZGNhc3QYCyABKAsyGi5tZXNoa2l0Lm1lc2gudjEuQnJvYWRjYXN0SABSCWJyb2FkY2FzdBJHCg5i\
        cm9hZGNhc3RfcHVsbBgMIAEoCzIeLm1lc2hraXQubWVzaC52MS5Ccm9hZGNhc3RQdWxsSABSDWJyb2FkY2FzdFB1bGwSNAoHcmVs\
        ZWFzZRgNIAEoCzIYLm1lc2hraXQubWVzaC52MS5SZWxlYXNlSABSB3JlbGVhc2VCCQoHbWVzc2FnZSL/AQoFSGVsbG8SKQoQcHJv\
        dG9jb2xfdmVyc2lvbhgBIAEoDVIPcHJvdG9jb2xWZXJzaW9uEjAKFHByb3RvY29sX3ZlcnNpb25fbWluGAIgASgNUhJwcm90b2Nv\
        bFZlcnNpb25NaW4SHQoKY2x1c3Rlcl9pZBgDIAEoCVIJY2x1c3RlcklkEjUKBnJlY29yZBgEIAEoCzIdLm1lc2hraXQubWVzaC52\
        MS5NZW1iZXJSZWNvcmRSBnJlY29yZBIdCgpzdGFydGVkX2F0GAUgASgEUglzdGFydGVkQXQSFAoFbm9uY2UYBiABKAZSBW5vbmNl\
        SgQIDxAQUghmZWF0dXJlcyJtCgRQaW5nEhoKCHNlcXVlbmNlGAEgASgEUghzZXF1ZW5jZRIWCgZkaWdlc3QYAiABKAZSBmRpZ2Vz\
        dBIxCgRuZXdzGAMgAygLMh0ubWVzaGtpdC5tZXNoLnYxLk1lbWJlclJlY29yZFIEbmV3cyKEAQoDQWNrEhoKCHNlcXVlbmNlGAEg\
        ASgEUghzZXF1ZW5jZRIWCgZkaWdlc3QYAiABKAZSBmRpZ2VzdBIxCgRuZXdzGAMgAygLMh0ubWVzaGtpdC5tZXNoLnYxLk1lbWJl\
        clJlY29yZFIEbmV3cxIWCgZoZWFsdGgYBCABKA1SBmhlYWx0aCI/CgROZXdzEjcKB3JlY29yZHMYASADKAsyHS5tZXNoa2l0Lm1l\
        c2gudjEuTWVtYmVyUmVjb3JkUgdyZWNvcmRzInYKBFZpZXcSNwoHcmVjb3JkcxgBIAMoCzIdLm1lc2hraXQubWVzaC52MS5NZW1i\
        ZXJSZWNvcmRSB3JlY29yZHMSIQoMcmVwbHlfd2FudGVkGAIgASgIUgtyZXBseVdhbnRlZBISCgRtb3JlGAMgASgIUgRtb3JlIkIK\
        DFByb2JlUmVxdWVzdBIaCghzZXF1ZW5jZRgBIAEoBFIIc2VxdWVuY2USFgoGdGFyZ2V0GAIgASgJUgZ0YXJnZXQiWgoKUHJvYmVS\
        ZXBseRIaCghzZXF1ZW5jZRgBIAEoBFIIc2VxdWVuY2USFgoGdGFyZ2V0GAIgASgJUgZ0YXJnZXQSGAoHcmVhY2hlZBgDIAEoCFIH\
        cmVhY2hlZCImCgpTeW5jRGlnZXN0EhgKB2J1Y2tldHMYASADKAZSB2J1Y2tldHMiVwoLU3luY1N1bW1hcnkSEgoEbWFzaxgBIAEo\
        BlIEbWFzaxI0CgdlbnRyaWVzGAIgAygLMhoubWVzaGtpdC5tZXNoLnYxLlN5bmNFbnRyeVIHZW50cmllcyK7AQoJU3luY0VudHJ5\
        EhcKB25vZGVfaWQYASABKAlSBm5vZGVJZBIUCgVlcG9jaBgCIAEoBFIFZXBvY2gSIAoLaW5jYXJuYXRpb24YAyABKA1SC2luY2Fy\
        bmF0aW9uEjIKBXN0YXRlGAQgASgOMhwubWVzaGtpdC5tZXNoLnYxLk1lbWJlclN0YXRlUgVzdGF0ZRIpChBtZXRhZGF0YV92ZXJz\
        aW9uGAUgASgDUg9tZXRhZGF0YVZlcnNpb24iXAoJU3luY0RlbHRhEjcKB3JlY29yZHMYASADKAsyHS5tZXNoa2l0Lm1lc2gudjEu\
        TWVtYmVyUmVjb3JkUgdyZWNvcmRzEhYKBndhbnRlZBgCIAMoCVIGd2FudGVkIr4BCglCcm9hZGNhc3QSFgoGb3JpZ2luGAEgASgJ\
        UgZvcmlnaW4SFAoFZXBvY2gYAiABKARSBWVwb2NoEhoKCHNlcXVlbmNlGAMgASgEUghzZXF1ZW5jZRIUCgV0b3BpYxgEIAEoCVIF\
        dG9waWMSHQoHcGF5bG9hZBgFIAEoDEgAUgdwYXlsb2FkiAEBEhIKBHNpemUYBiABKA1SBHNpemUSEgoEaG9wcxgHIAEoDVIEaG9w\
        c0IKCghfcGF5bG9hZCJZCg1Ccm9hZGNhc3RQdWxsEhYKBm9yaWdpbhgBIAEoCVIGb3JpZ2luEhQKBWVwb2NoGAIgASgEUgVlcG9j\
        aBIaCghzZXF1ZW5jZRgDIAEoBFIIc2VxdWVuY2UiCQoHUmVsZWFzZSKYAwoMTWVtYmVyUmVjb3JkEhcKB25vZGVfaWQYASABKAlS\
        Bm5vZGVJZBIUCgVlcG9jaBgCIAEoBFIFZXBvY2gSIAoLaW5jYXJuYXRpb24YAyABKA1SC2luY2FybmF0aW9uEjIKBXN0YXRlGAQg\
        ASgOMhwubWVzaGtpdC5tZXNoLnYxLk1lbWJlclN0YXRlUgVzdGF0ZRIYCgdhY2N1c2VyGAUgASgJUgdhY2N1c2VyEjkKCG1ldGFk\
        YXRhGAYgASgLMh0ubWVzaGtpdC5tZXNoLnYxLk5vZGVNZXRhZGF0YVIIbWV0YWRhdGESGAoHcmVmdXNlZBgHIAEoCFIHcmVmdXNl\
        ZBIaCghhY2N1c2VycxgIIAMoCVIIYWNjdXNlcnMSRQoObWV0YWRhdGFfZGVsdGEYCSABKAsyHi5tZXNoa2l0Lm1lc2gudjEuTWV0\
        YWRhdGFEZWx0YVINbWV0YWRhdGFEZWx0YRIYCgdyZW1vdmVkGAogASgIUgdyZW1vdmVkSgQIDxAQUhFvcmlnaW5fc2lnbmF0dXJl\
        cyLuAQoNTWV0YWRhdGFEZWx0YRIhCgxmcm9tX3ZlcnNpb24YASABKANSC2Zyb21WZXJzaW9uEh0KCnRvX3ZlcnNpb24YAiABKANS\
        CXRvVmVyc2lvbhJFCgdjaGFuZ2VkGAMgAygLMisubWVzaGtpdC5tZXNoLnYxLk1ldGFkYXRhRGVsdGEuQ2hhbmdlZEVudHJ5Ugdj\
        aGFuZ2VkEhgKB3JlbW92ZWQYBCADKAlSB3JlbW92ZWQaOgoMQ2hhbmdlZEVudHJ5EhAKA2tleRgBIAEoCVIDa2V5EhQKBXZhbHVl\
        GAIgASgJUgV2YWx1ZToCOAEihAQKDE5vZGVNZXRhZGF0YRISCgRyb2xlGAEgASgJUgRyb2xlEh0KCmNsdXN0ZXJfaWQYAiABKAlS\
        CWNsdXN0ZXJJZBIWCgZyZWdpb24YAyABKAlSBnJlZ2lvbhIhCgxtZXNoX3ZlcnNpb24YBCABKAlSC21lc2hWZXJzaW9uEiMKDWh0\
        dHAzX3N1cHBvcnQYBSABKAhSDGh0dHAzU3VwcG9ydBIaCghlbmRwb2ludBgGIAEoCVIIZW5kcG9pbnQSKQoQbWV0YWRhdGFfdmVy\
        c2lvbhgHIAEoA1IPbWV0YWRhdGFWZXJzaW9uEkEKBmxhYmVscxgIIAMoCzIpLm1lc2hraXQubWVzaC52MS5Ob2RlTWV0YWRhdGEu\
        TGFiZWxzRW50cnlSBmxhYmVscxI8CghzZWN1cml0eRgJIAEoCzIgLm1lc2hraXQubWVzaC52MS5TZWN1cml0eVBvc3R1cmVSCHNl\
        Y3VyaXR5EhoKCGRyYWluaW5nGAogASgIUghkcmFpbmluZxIlCg5zY2hlbWFfdmVyc2lvbhgLIAEoDVINc2NoZW1hVmVyc2lvbhIb\
        Cglnb3NzaXBfdjEYDCABKAhSCGdvc3NpcFYxGjkKC0xhYmVsc0VudHJ5EhAKA2tleRgBIAEoCVIDa2V5EhQKBXZhbHVlGAIgASgJ\
        UgV2YWx1ZToCOAEitgEKD1NlY3VyaXR5UG9zdHVyZRIfCgt0bHNfdmVyc2lvbhgBIAEoCVIKdGxzVmVyc2lvbhIdCgptdXR1YWxf\
        dGxzGAIgASgIUgltdXR1YWxUbHMSLQoScmV2b2NhdGlvbl9jaGVja2VkGAMgASgIUhFyZXZvY2F0aW9uQ2hlY2tlZBI0ChZjZXJ0\
        aWZpY2F0ZV9leHBpcmVzX2F0GAQgASgDUhRjZXJ0aWZpY2F0ZUV4cGlyZXNBdCInCgtQaW5nUmVxdWVzdBIYCgdwYXlsb2FkGAEg\
        ASgMUgdwYXlsb2FkIrgBCglQaW5nUmVwbHkSFwoHbm9kZV9pZBgBIAEoCVIGbm9kZUlkEh0KCmNsdXN0ZXJfaWQYAiABKAlSCWNs\
        dXN0ZXJJZBIUCgVlcG9jaBgDIAEoBFIFZXBvY2gSIAoLaW5jYXJuYXRpb24YBCABKA1SC2luY2FybmF0aW9uEiEKDG1lc2hfdmVy\
        c2lvbhgFIAEoCVILbWVzaFZlcnNpb24SGAoHcGF5bG9hZBgGIAEoDFIHcGF5bG9hZCqLAQoLTWVtYmVyU3RhdGUSHAoYTUVNQkVS\
        X1NUQVRFX1VOU1BFQ0lGSUVEEAASFgoSTUVNQkVSX1NUQVRFX0FMSVZFEAESGAoUTUVNQkVSX1NUQVRFX1NVU1BFQ1QQAhIVChFN\
        RU1CRVJfU1RBVEVfREVBRBADEhUKEU1FTUJFUl9TVEFURV9MRUZUEAQykgEKBE1lc2gSQAoEUGluZxIcLm1lc2hraXQubWVzaC52\
        MS5QaW5nUmVxdWVzdBoaLm1lc2hraXQubWVzaC52MS5QaW5nUmVwbHkSSAoKTWVzaFN0cmVhbRIaLm1lc2hraXQubWVzaC52MS5N\
        ZXNoRnJhbWUaGi5tZXNoa2l0Lm1lc2gudjEuTWVzaEZyYW1lKAEwAWIGcHJvdG8z
        """),
    DescriptorFile(
      name: "meshkit/control/v1/members.proto",
      imports: ["meshkit/mesh/v1/mesh.proto"],
      symbols: """
        meshkit.control.v1.ListMembersRequest meshkit.control.v1.ListMembersResponse
        meshkit.control.v1.Member meshkit.control.v1.MemberFilter meshkit.control.v1.MemberStatus
        meshkit.control.v1.Members meshkit.control.v1.Members.List meshkit.control.v1.Members.Watch
        meshkit.control.v1.MembersEvent meshkit.control.v1.MembersSnapshot
        meshkit.control.v1.WatchMembersRequest
        """.split(whereSeparator: \.isWhitespace).map(String.init),
      encoded: """
        CiBtZXNoa2l0L2NvbnRyb2wvdjEvbWVtYmVycy5wcm90bxISbWVzaGtpdC5jb250cm9sLnYxGhptZXNoa2l0L21lc2gvdjEvbWVz\
        aC5wcm90byK0AgoGTWVtYmVyEhcKB25vZGVfaWQYASABKAlSBm5vZGVJZBI4CgZzdGF0dXMYAiABKA4yIC5tZXNoa2l0LmNvbnRy\
        b2wudjEuTWVtYmVyU3RhdHVzUgZzdGF0dXMSPQobbGFzdF9zZWVuX3VuaXhfbWlsbGlzZWNvbmRzGAMgASgDUhhsYXN0U2VlblVu\
        aXhNaWxsaXNlY29uZHMSNgoXcm91bmRfdHJpcF9taWNyb3NlY29uZHMYBCABKARSFXJvdW5kVHJpcE1pY3Jvc2Vjb25kcxI5Cght\
        ZXRhZGF0YRgFIAEoCzIdLm1lc2hraXQubWVzaC52MS5Ob2RlTWV0YWRhdGFSCG1ldGFkYXRhEiUKDmxpbmtfdHJhbnNwb3J0GAYg\
        ASgJUg1saW5rVHJhbnNwb3J0IsABCgxNZW1iZXJGaWx0ZXISEgoEcm9sZRgBIAEoCVIEcm9sZRIYCgdjbHVzdGVyGAIgASgJUgdj\
        bHVzdGVyEhYKBnJlZ2lvbhgDIAEoCVIGcmVnaW9uEhgKB3ZlcnNpb24YBCABKAlSB3ZlcnNpb24SOAoGc3RhdHVzGAUgASgOMiAu\
        bWVzaGtpdC5jb250cm9sLnYxLk1lbWJlclN0YXR1c1IGc3RhdHVzEhYKBmxhYmVscxgGIAMoCVIGbGFiZWxzIoMBChJMaXN0TWVt\
        YmVyc1JlcXVlc3QSOAoGZmlsdGVyGAEgASgLMiAubWVzaGtpdC5jb250cm9sLnYxLk1lbWJlckZpbHRlclIGZmlsdGVyEhsKCXBh\
        Z2Vfc2l6ZRgCIAEoDVIIcGFnZVNpemUSFgoGY3Vyc29yGAMgASgJUgZjdXJzb3IipgEKE0xpc3RNZW1iZXJzUmVzcG9uc2USIgoN\
        bG9jYWxfbm9kZV9pZBgBIAEoCVILbG9jYWxOb2RlSWQSFAoFdG9rZW4YAiABKAlSBXRva2VuEjQKB21lbWJlcnMYAyADKAsyGi5t\
        ZXNoa2l0LmNvbnRyb2wudjEuTWVtYmVyUgdtZW1iZXJzEh8KC25leHRfY3Vyc29yGAQgASgJUgpuZXh0Q3Vyc29yImUKE1dhdGNo\
        TWVtYmVyc1JlcXVlc3QSOAoGZmlsdGVyGAEgASgLMiAubWVzaGtpdC5jb250cm9sLnYxLk1lbWJlckZpbHRlclIGZmlsdGVyEhQK\
        BWFmdGVyGAIgASgJUgVhZnRlciLLAQoMTWVtYmVyc0V2ZW50EhQKBXRva2VuGAEgASgJUgV0b2tlbhI/CghzbmFwc2hvdBgCIAEo\
        CzIjLm1lc2hraXQuY29udHJvbC52MS5NZW1iZXJzU25hcHNob3RSCHNuYXBzaG90EjIKBmNoYW5nZRgDIAEoCzIaLm1lc2hraXQu\
        Y29udHJvbC52MS5NZW1iZXJSBmNoYW5nZRIYCgdyZW1vdmFsGAQgASgJUgdyZW1vdmFsEhYKBnJlc3luYxgFIAEoCVIGcmVzeW5j\
        Ip0BCg9NZW1iZXJzU25hcHNob3QSIgoNbG9jYWxfbm9kZV9pZBgBIAEoCVILbG9jYWxOb2RlSWQSFAoFZmlyc3QYAiABKAhSBWZp\
        cnN0EhoKCGNvbXBsZXRlGAMgASgIUghjb21wbGV0ZRI0CgdtZW1iZXJzGAQgAygLMhoubWVzaGtpdC5jb250cm9sLnYxLk1lbWJl\
        clIHbWVtYmVycyp5CgxNZW1iZXJTdGF0dXMSHQoZTUVNQkVSX1NUQVRVU19VTlNQRUNJRklFRBAAEhcKE01FTUJFUl9TVEFUVVNf\
        QUxJVkUQARIZChVNRU1CRVJfU1RBVFVTX1NVU1BFQ1QQAhIWChJNRU1CRVJfU1RBVFVTX0xFRlQQAzK4AQoHTWVtYmVycxJXCgRM\
        aXN0EiYubWVzaGtpdC5jb250cm9sLnYxLkxpc3RNZW1iZXJzUmVxdWVzdBonLm1lc2hraXQuY29udHJvbC52MS5MaXN0TWVtYmVy\
        c1Jlc3BvbnNlElQKBVdhdGNoEicubWVzaGtpdC5jb250cm9sLnYxLldhdGNoTWVtYmVyc1JlcXVlc3QaIC5tZXNoa2l0LmNvbnRy\
        b2wudjEuTWVtYmVyc0V2ZW50MAFiBnByb3RvMw==
        """),
    DescriptorFile(
      name: "grpc/health/v1/health.proto",
      imports: [],
      symbols: """
        grpc.health.v1.Health grpc.health.v1.Health.Check grpc.health.v1.Health.List
        grpc.health.v1.Health.Watch grpc.health.v1.HealthCheckRequest grpc.health.v1.HealthCheckResponse
        grpc.health.v1.HealthCheckResponse.ServingStatus grpc.health.v1.HealthListRequest
        grpc.health.v1.HealthListResponse grpc.health.v1.HealthListResponse.StatusesEntry
        """.split(whereSeparator: \.isWhitespace).map(String.init),
      encoded: """
        ChtncnBjL2hlYWx0aC92MS9oZWFsdGgucHJvdG8SDmdycGMuaGVhbHRoLnYxIiUKEkhlYWx0aENoZWNrUmVxdWVzdBIPCgdzZXJ2\
        aWNlGAEgASgJIqkBChNIZWFsdGhDaGVja1Jlc3BvbnNlEkEKBnN0YXR1cxgBIAEoDjIxLmdycGMuaGVhbHRoLnYxLkhlYWx0aENo\
        ZWNrUmVzcG9uc2UuU2VydmluZ1N0YXR1cyJPCg1TZXJ2aW5nU3RhdHVzEgsKB1VOS05PV04QABILCgdTRVJWSU5HEAESDwoLTk9U\
        X1NFUlZJTkcQAhITCg9TRVJWSUNFX1VOS05PV04QAyITChFIZWFsdGhMaXN0UmVxdWVzdCKuAQoSSGVhbHRoTGlzdFJlc3BvbnNl\
        EkIKCHN0YXR1c2VzGAEgAygLMjAuZ3JwYy5oZWFsdGgudjEuSGVhbHRoTGlzdFJlc3BvbnNlLlN0YXR1c2VzRW50cnkaVAoNU3Rh\
        dHVzZXNFbnRyeRILCgNrZXkYASABKAkSMgoFdmFsdWUYAiABKAsyIy5ncnBjLmhlYWx0aC52MS5IZWFsdGhDaGVja1Jlc3BvbnNl\
        OgI4ATL9AQoGSGVhbHRoElAKBUNoZWNrEiIuZ3JwYy5oZWFsdGgudjEuSGVhbHRoQ2hlY2tSZXF1ZXN0GiMuZ3JwYy5oZWFsdGgu\
        djEuSGVhbHRoQ2hlY2tSZXNwb25zZRJNCgRMaXN0EiEuZ3JwYy5oZWFsdGgudjEuSGVhbHRoTGlzdFJlcXVlc3QaIi5ncnBjLmhl\
        YWx0aC52MS5IZWFsdGhMaXN0UmVzcG9uc2USUgoFV2F0Y2gSIi5ncnBjLmhlYWx0aC52MS5IZWFsdGhDaGVja1JlcXVlc3QaIy5n\
        cnBjLmhlYWx0aC52MS5IZWFsdGhDaGVja1Jlc3BvbnNlMAFiBnByb3RvMw==
        """),
    DescriptorFile(
      name: "grpc/reflection/v1/reflection.proto",
      imports: [],
      symbols: """
        grpc.reflection.v1.ErrorResponse grpc.reflection.v1.ExtensionNumberResponse
        grpc.reflection.v1.ExtensionRequest grpc.reflection.v1.FileDescriptorResponse
        grpc.reflection.v1.ListServiceResponse grpc.reflection.v1.ServerReflection
        grpc.reflection.v1.ServerReflection.ServerReflectionInfo grpc.reflection.v1.ServerReflectionRequest
        grpc.reflection.v1.ServerReflectionResponse grpc.reflection.v1.ServiceResponse
        """.split(whereSeparator: \.isWhitespace).map(String.init),
      encoded: """
        CiNncnBjL3JlZmxlY3Rpb24vdjEvcmVmbGVjdGlvbi5wcm90bxISZ3JwYy5yZWZsZWN0aW9uLnYxIo8CChdTZXJ2ZXJSZWZsZWN0\
        aW9uUmVxdWVzdBIOCgRob3N0GAEgASgJMgASHAoQZmlsZV9ieV9maWxlbmFtZRgDIAEoCTIASAASIgoWZmlsZV9jb250YWluaW5n\
        X3N5bWJvbBgEIAEoCTIASAASSQoZZmlsZV9jb250YWluaW5nX2V4dGVuc2lvbhgFIAEoCzIkLmdycGMucmVmbGVjdGlvbi52MS5F\
        eHRlbnNpb25SZXF1ZXN0SAASKQodYWxsX2V4dGVuc2lvbl9udW1iZXJzX29mX3R5cGUYBiABKAkyAEgAEhkKDWxpc3Rfc2Vydmlj\
        ZXMYByABKAkyAEgAQhEKD21lc3NhZ2VfcmVxdWVzdCJJChBFeHRlbnNpb25SZXF1ZXN0EhkKD2NvbnRhaW5pbmdfdHlwZRgBIAEo\
        CTIAEhoKEGV4dGVuc2lvbl9udW1iZXIYAiABKAUyACK6AwoYU2VydmVyUmVmbGVjdGlvblJlc3BvbnNlEhQKCnZhbGlkX2hvc3QY\
        ASABKAkyABJFChBvcmlnaW5hbF9yZXF1ZXN0GAIgASgLMisuZ3JwYy5yZWZsZWN0aW9uLnYxLlNlcnZlclJlZmxlY3Rpb25SZXF1\
        ZXN0Ek4KGGZpbGVfZGVzY3JpcHRvcl9yZXNwb25zZRgEIAEoCzIqLmdycGMucmVmbGVjdGlvbi52MS5GaWxlRGVzY3JpcHRvclJl\
        c3BvbnNlSAASVQoeYWxsX2V4dGVuc2lvbl9udW1iZXJzX3Jlc3BvbnNlGAUgASgLMisuZ3JwYy5yZWZsZWN0aW9uLnYxLkV4dGVu\
        c2lvbk51bWJlclJlc3BvbnNlSAASSQoWbGlzdF9zZXJ2aWNlc19yZXNwb25zZRgGIAEoCzInLmdycGMucmVmbGVjdGlvbi52MS5M\
        aXN0U2VydmljZVJlc3BvbnNlSAASOwoOZXJyb3JfcmVzcG9uc2UYByABKAsyIS5ncnBjLnJlZmxlY3Rpb24udjEuRXJyb3JSZXNw\
        b25zZUgAQhIKEG1lc3NhZ2VfcmVzcG9uc2UiOQoWRmlsZURlc2NyaXB0b3JSZXNwb25zZRIfChVmaWxlX2Rlc2NyaXB0b3JfcHJv\
        dG8YASADKAwyACJPChdFeHRlbnNpb25OdW1iZXJSZXNwb25zZRIYCg5iYXNlX3R5cGVfbmFtZRgBIAEoCTIAEhoKEGV4dGVuc2lv\
        bl9udW1iZXIYAiADKAUyACJLChNMaXN0U2VydmljZVJlc3BvbnNlEjQKB3NlcnZpY2UYASADKAsyIy5ncnBjLnJlZmxlY3Rpb24u\
        djEuU2VydmljZVJlc3BvbnNlIiEKD1NlcnZpY2VSZXNwb25zZRIOCgRuYW1lGAEgASgJMgAiPgoNRXJyb3JSZXNwb25zZRIUCgpl\
        cnJvcl9jb2RlGAEgASgFMgASFwoNZXJyb3JfbWVzc2FnZRgCIAEoCTIAMokBChBTZXJ2ZXJSZWZsZWN0aW9uEnUKFFNlcnZlclJl\
        ZmxlY3Rpb25JbmZvEisuZ3JwYy5yZWZsZWN0aW9uLnYxLlNlcnZlclJlZmxlY3Rpb25SZXF1ZXN0GiwuZ3JwYy5yZWZsZWN0aW9u\
        LnYxLlNlcnZlclJlZmxlY3Rpb25SZXNwb25zZSgBMAFiBnByb3RvMw==
        """),
    DescriptorFile(
      name: "grpc/reflection/v1alpha/reflection.proto",
      imports: [],
      symbols: """
        grpc.reflection.v1alpha.ErrorResponse grpc.reflection.v1alpha.ExtensionNumberResponse
        grpc.reflection.v1alpha.ExtensionRequest grpc.reflection.v1alpha.FileDescriptorResponse
        grpc.reflection.v1alpha.ListServiceResponse grpc.reflection.v1alpha.ServerReflection
        grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo
        grpc.reflection.v1alpha.ServerReflectionRequest grpc.reflection.v1alpha.ServerReflectionResponse
        grpc.reflection.v1alpha.ServiceResponse
        """.split(whereSeparator: \.isWhitespace).map(String.init),
      encoded: """
        CihncnBjL3JlZmxlY3Rpb24vdjFhbHBoYS9yZWZsZWN0aW9uLnByb3RvEhdncnBjLnJlZmxlY3Rpb24udjFhbHBoYSKKAgoXU2Vy\
        dmVyUmVmbGVjdGlvblJlcXVlc3QSDAoEaG9zdBgBIAEoCRIaChBmaWxlX2J5X2ZpbGVuYW1lGAMgASgJSAASIAoWZmlsZV9jb250\
        YWluaW5nX3N5bWJvbBgEIAEoCUgAEk4KGWZpbGVfY29udGFpbmluZ19leHRlbnNpb24YBSABKAsyKS5ncnBjLnJlZmxlY3Rpb24u\
        djFhbHBoYS5FeHRlbnNpb25SZXF1ZXN0SAASJwodYWxsX2V4dGVuc2lvbl9udW1iZXJzX29mX3R5cGUYBiABKAlIABIXCg1saXN0\
        X3NlcnZpY2VzGAcgASgJSABCEQoPbWVzc2FnZV9yZXF1ZXN0IkUKEEV4dGVuc2lvblJlcXVlc3QSFwoPY29udGFpbmluZ190eXBl\
        GAEgASgJEhgKEGV4dGVuc2lvbl9udW1iZXIYAiABKAUi0QMKGFNlcnZlclJlZmxlY3Rpb25SZXNwb25zZRISCgp2YWxpZF9ob3N0\
        GAEgASgJEkoKEG9yaWdpbmFsX3JlcXVlc3QYAiABKAsyMC5ncnBjLnJlZmxlY3Rpb24udjFhbHBoYS5TZXJ2ZXJSZWZsZWN0aW9u\
        UmVxdWVzdBJTChhmaWxlX2Rlc2NyaXB0b3JfcmVzcG9uc2UYBCABKAsyLy5ncnBjLnJlZmxlY3Rpb24udjFhbHBoYS5GaWxlRGVz\
        Y3JpcHRvclJlc3BvbnNlSAASWgoeYWxsX2V4dGVuc2lvbl9udW1iZXJzX3Jlc3BvbnNlGAUgASgLMjAuZ3JwYy5yZWZsZWN0aW9u\
        LnYxYWxwaGEuRXh0ZW5zaW9uTnVtYmVyUmVzcG9uc2VIABJOChZsaXN0X3NlcnZpY2VzX3Jlc3BvbnNlGAYgASgLMiwuZ3JwYy5y\
        ZWZsZWN0aW9uLnYxYWxwaGEuTGlzdFNlcnZpY2VSZXNwb25zZUgAEkAKDmVycm9yX3Jlc3BvbnNlGAcgASgLMiYuZ3JwYy5yZWZs\
        ZWN0aW9uLnYxYWxwaGEuRXJyb3JSZXNwb25zZUgAQhIKEG1lc3NhZ2VfcmVzcG9uc2UiNwoWRmlsZURlc2NyaXB0b3JSZXNwb25z\
        ZRIdChVmaWxlX2Rlc2NyaXB0b3JfcHJvdG8YASADKAwiSwoXRXh0ZW5zaW9uTnVtYmVyUmVzcG9uc2USFgoOYmFzZV90eXBlX25h\
        bWUYASABKAkSGAoQZXh0ZW5zaW9uX251bWJlchgCIAMoBSJQChNMaXN0U2VydmljZVJlc3BvbnNlEjkKB3NlcnZpY2UYASADKAsy\
        KC5ncnBjLnJlZmxlY3Rpb24udjFhbHBoYS5TZXJ2aWNlUmVzcG9uc2UiHwoPU2VydmljZVJlc3BvbnNlEgwKBG5hbWUYASABKAki\
        OgoNRXJyb3JSZXNwb25zZRISCgplcnJvcl9jb2RlGAEgASgFEhUKDWVycm9yX21lc3NhZ2UYAiABKAkykwEKEFNlcnZlclJlZmxl\
        Y3Rpb24SfwoUU2VydmVyUmVmbGVjdGlvbkluZm8SMC5ncnBjLnJlZmxlY3Rpb24udjFhbHBoYS5TZXJ2ZXJSZWZsZWN0aW9uUmVx\
        dWVzdBoxLmdycGMucmVmbGVjdGlvbi52MWFscGhhLlNlcnZlclJlZmxlY3Rpb25SZXNwb25zZSgBMAFiBnByb3RvMw==
        """),
  ]
}
