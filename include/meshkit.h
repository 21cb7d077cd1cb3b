/* SPDX-License-Identifier: Apache-2.0
 *
 * meshkit.h: the C interface of MeshKit, an embeddable control plane for a mesh of processes.
 *
 * A host process opens one *node* and is from then on a member of a *mesh*: it knows its peers and hears of every
 * change. This file is the only truth about the interface: what is not here is not promised. Ten laws hold for all.
 *
 *  1. Names.      meshkit_<noun>_<verb>(), meshkit_<noun>_t, MESHKIT_<NOUN>_<NAME>. A verb means one thing everywhere:
 *                 create/release memory, open/stop life, get a view, copy to own, set, next drains, wait blocks.
 *  2. Ownership.  Four words, used in every @owns tag.
 *                   borrow  in:  read during the call only.           (every pointer that is not mentioned)
 *                   take    in:  yours no more, also when the call fails.
 *                   own     out: yours; hand it to its release function, once.
 *                   view    out: read it as long as the object that it came from lives. Never free() anything.
 *                 Releasing NULL is a no-op. Objects may be released in any order and on any thread; no release blocks.
 *  3. Handles.    Opaque pointers are numbers in disguise, never addresses. A call with a handle that was released
 *                 answers MESHKIT_E_CLOSED, one with anything else that isn't the right handle MESHKIT_E_ARGUMENT;
 *                 calls that return no status answer zero, empty or "not known". Events alone are real memory.
 *  4. Errors.     A meshkit_status_t is 0 or negative. Calls that can fail in many ways have a last parameter
 *                 `error`: NULL, or where to put an object that says more. Codes are for programs and never change
 *                 their meaning; messages are for people and may. No errno, no thread-local state.
 *  5. Out.        Every out-parameter is written on every path: with zero or NULL first, with the result on success.
 *  6. Text.       UTF-8, as pointer and length, checked on the way in, never NUL-terminated by promise. Embedded
 *                 NULs are refused where they make no sense. NULL is allowed with length 0.
 *  7. Threads.    @threads says who may call: `any` (any thread, concurrently) or `one` (any thread, one at a time).
 *                 The library calls you only on the thread that meshkit_events_start_callback() starts, never under a
 *                 lock, never inline. @callback-safe says what may be called from there.
 *  8. Growth.     Structs that start with `struct_size` may grow at their end. Set it to sizeof the struct and zero
 *                 the rest; the library reads what you know and treats the rest as zero. It refuses set bytes that it
 *                 doesn't know with MESHKIT_E_UNSUPPORTED. In structs that you get, fields beyond `struct_size` don't
 *                 exist. Skip and release events of types you don't know.
 *  9. Manners.    No signal handlers, no atexit, no setenv, no chdir, no locale, nothing on stdout or stderr. Threads
 *                 are named meshkit-* and block all signals. There is no allocator hook: the Swift runtime inside
 *                 allocates on its own, and half a promise would be worse. The library stays loaded after dlclose().
 * 10. Fork.       In a child made by fork(), every call on an object answers MESHKIT_E_FORKED, or as for a wrong handle
 *                 where it returns no status, and every release is a no-op; the parent goes on untouched. Fork before you open, or exec.
 *
 * Linux, 64 bit. C11 or C++17. What the SONAME libmeshkit.so.0 promises: docs/reference/abi-policy.md.
 */
#ifndef MESHKIT_H
#define MESHKIT_H

#include <stddef.h>
#include <stdint.h>

#if UINTPTR_MAX != UINT64_MAX
#error "MeshKit supports 64-bit targets only"
#endif

/* Pointers may be NULL only where MESHKIT_NULLABLE says so. Compilers other than clang see nothing of this, and the
 * library itself trusts no annotation: it checks every pointer. */
#if defined(__clang__) && !defined(__swift__)
#define MESHKIT_QUIET_BEGIN_ \
  _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wnullability-extension\"") \
  _Pragma("clang diagnostic ignored \"-Wnullability-completeness\"")
#define MESHKIT_NONNULL_BEGIN MESHKIT_QUIET_BEGIN_ _Pragma("clang assume_nonnull begin")
#define MESHKIT_NONNULL_END _Pragma("clang assume_nonnull end") _Pragma("clang diagnostic pop")
#define MESHKIT_NULLABLE _Nullable
#else
#define MESHKIT_NONNULL_BEGIN
#define MESHKIT_NONNULL_END
#define MESHKIT_NULLABLE
#endif

#ifdef __cplusplus
#define MESHKIT_STATIC_ASSERT(condition, text) static_assert(condition, text)
extern "C" {
#else
#define MESHKIT_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif
MESHKIT_NONNULL_BEGIN

/* ---- version ------------------------------------------------------------------------------------------------- */

/** The version that this header describes: major * 10000 + minor * 100 + patch. */
#define MESHKIT_VERSION_NUMBER 100
/** The interface that this header describes. It grows by one with every addition; libraries keep all older ones. */
#define MESHKIT_ABI_VERSION 2

/** Text or bytes: `len` bytes at `ptr`, which is NULL only when `len` is 0. This struct never grows. */
typedef struct meshkit_bytes_t {
  const char *MESHKIT_NULLABLE ptr;
  size_t len;
} meshkit_bytes_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_bytes_t) == 16, "meshkit_bytes_t");

/** A name and its value: a label of a member, a field of a log record. This struct never grows. */
typedef struct meshkit_pair_t {
  meshkit_bytes_t key;
  meshkit_bytes_t value;
} meshkit_pair_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_pair_t) == 32, "meshkit_pair_t");

/** For printf: printf("%.*s", MESHKIT_PRINT(bytes)). A comfort; nothing needs it. */
#define MESHKIT_PRINT(bytes) (int)(bytes).len, (bytes).ptr

/**
 * The version of the loaded library, for people: "0.1.0".
 *
 * @since 0.1
 * @owns view, for ever
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_bytes_t meshkit_version_string(void);

/**
 * The version of the loaded library, for programs: major * 10000 + minor * 100 + patch.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
int32_t meshkit_version_number(void);

/**
 * The interface of the loaded library. A program that was built with a greater MESHKIT_ABI_VERSION must not go on.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
int32_t meshkit_abi_version(void);

/* ---- status -------------------------------------------------------------------------------------------------- */

/** How a call ended: MESHKIT_OK, or -(category * 100 + n). docs/reference/errors.md explains each. */
typedef int32_t meshkit_status_t;

#define MESHKIT_OK 0
/* 1, argument: the call itself is wrong. */
#define MESHKIT_E_ARGUMENT (-101)      /**< an argument is not what the call takes */
#define MESHKIT_E_CONFIGURATION (-102) /**< a configuration key or value is wrong; the message names all of them */
#define MESHKIT_E_NOT_FOUND (-103)     /**< there is no such thing */
/* 2, state: the object can't do that now. */
#define MESHKIT_E_CLOSED (-201)         /**< the object was released, stopped or closed */
#define MESHKIT_E_SHUTDOWN (-202)       /**< the node stopped before the operation was done */
#define MESHKIT_E_FORKED (-203)         /**< this process is a forked child */
#define MESHKIT_E_WOULD_DEADLOCK (-204) /**< waiting here would wait for this very thread */
#define MESHKIT_E_POISONED (-205)       /**< the node found itself broken and stopped */
#define MESHKIT_E_DRAINING (-206)       /**< the queue is being drained, or is drained and not resumed */
#define MESHKIT_E_LEASE_INACTIVE (-207) /**< the token's lease has ended by a call, or was followed by another */
#define MESHKIT_E_LEASE_EXPIRED (-208)  /**< the lease ran out before the call */
#define MESHKIT_E_CANCELLED (-209)      /**< the caller gave the wait up */
/* 3, cluster. */
#define MESHKIT_E_CONFLICT (-301) /**< another live process has this node's name, and stays; or what is to be restored is here */
/* 4, busy. */
#define MESHKIT_E_BUSY (-401) /**< a queue is full: try later */
/* 5, time. */
#define MESHKIT_E_TIMEOUT (-501) /**< nothing came in time */
/* 6, network. */
#define MESHKIT_E_ADDRESS_IN_USE (-601) /**< another process has the port */
#define MESHKIT_E_NETWORK (-602)        /**< the network refused */
/* 7, storage. */
#define MESHKIT_E_STORAGE (-701) /**< a file can't be read, written or believed */
/* 8, security. */
#define MESHKIT_E_SECURITY (-801) /**< a key, certificate or permission is wrong or missing */
/* 9, resource. */
#define MESHKIT_E_RESOURCE (-901) /**< memory, descriptors or threads ran out, or a limit of the library was reached */
/* 10, unsupported. */
#define MESHKIT_E_UNSUPPORTED (-1001) /**< this library doesn't know what is asked */
/* 11, internal. */
#define MESHKIT_E_INTERNAL (-1101) /**< a fault of the library itself */

/* Categories, frozen: new codes join one of them, so switch on the category. */
#define MESHKIT_CATEGORY_NONE 0
#define MESHKIT_CATEGORY_ARGUMENT 1
#define MESHKIT_CATEGORY_STATE 2
#define MESHKIT_CATEGORY_CLUSTER 3
#define MESHKIT_CATEGORY_BUSY 4
#define MESHKIT_CATEGORY_TIME 5
#define MESHKIT_CATEGORY_NETWORK 6
#define MESHKIT_CATEGORY_STORAGE 7
#define MESHKIT_CATEGORY_SECURITY 8
#define MESHKIT_CATEGORY_RESOURCE 9
#define MESHKIT_CATEGORY_UNSUPPORTED 10
#define MESHKIT_CATEGORY_INTERNAL 11

/**
 * The name of a status as the control plane's answers spell it: "DeadlineExceeded"; "Unknown" for unknown numbers.
 *
 * @since 0.1
 * @owns view, for ever
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_bytes_t meshkit_status_name(meshkit_status_t status);

/**
 * The category of a status, one of MESHKIT_CATEGORY_*, also for codes newer than this library; 0 for MESHKIT_OK and
 * for positive numbers.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
int32_t meshkit_status_category(meshkit_status_t status);

/**
 * 1 when the same call may succeed later, unchanged; else 0.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
int32_t meshkit_status_is_retriable(meshkit_status_t status);

/**
 * The HTTP status that the control plane answers with; 500 for unknown numbers.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
int32_t meshkit_status_http(meshkit_status_t status);

/**
 * The gRPC status that the control plane answers with; 2 (UNKNOWN) for unknown numbers.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
int32_t meshkit_status_grpc(meshkit_status_t status);

/* ---- error --------------------------------------------------------------------------------------------------- */

/** What went wrong in one call, and what to do about it. Calls make one only when `error` isn't NULL and they fail. */
typedef struct meshkit_error_t meshkit_error_t;

/**
 * The status that the failed call returned; MESHKIT_OK for NULL.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_error_status(const meshkit_error_t *MESHKIT_NULLABLE error);

/**
 * A sentence for people, that names the thing, the value and what is allowed. It never holds a secret.
 *
 * @since 0.1
 * @owns view, until `error` is released
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_bytes_t meshkit_error_message(const meshkit_error_t *MESHKIT_NULLABLE error);

/**
 * 1 when the same call may succeed later, unchanged; else 0.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
int32_t meshkit_error_is_retriable(const meshkit_error_t *MESHKIT_NULLABLE error);

/**
 * 1 when the node is beyond repair and has stopped or will; else 0.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
int32_t meshkit_error_is_fatal(const meshkit_error_t *MESHKIT_NULLABLE error);

/**
 * After how many milliseconds a retry makes sense; -1 when that isn't known.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
int64_t meshkit_error_retry_after_ms(const meshkit_error_t *MESHKIT_NULLABLE error);

/**
 * Releases an error.
 *
 * @since 0.1
 * @owns takes error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_error_release(meshkit_error_t *MESHKIT_NULLABLE error);

/* ---- bytes --------------------------------------------------------------------------------------------------- */

/** A text that you own: what `copy` calls and documents give. */
typedef struct meshkit_text_t meshkit_text_t;

/**
 * The bytes of a text.
 *
 * @since 0.1
 * @owns view, until `text` is released
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_bytes_t meshkit_text_bytes(const meshkit_text_t *MESHKIT_NULLABLE text);

/**
 * Releases a text.
 *
 * @since 0.1
 * @owns takes text
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_text_release(meshkit_text_t *MESHKIT_NULLABLE text);

/* ---- config -------------------------------------------------------------------------------------------------- */

/**
 * The settings of a node while they are put together. Later settings win. Keys are paths such as
 * "mesh:gossip:interval"; docs/reference/configuration.md lists all, with defaults and ranges.
 */
typedef struct meshkit_config_t meshkit_config_t;

/** The longest JSON document, and the longest key or value, in bytes. */
#define MESHKIT_CONFIG_JSON_LEN_MAX 16777216
#define MESHKIT_CONFIG_TEXT_LEN_MAX 1048576

/**
 * Makes an empty configuration: every key has its default.
 *
 * @since 0.1
 * @owns own out, own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_config_create(
    meshkit_config_t **out, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Merges a JSON document. Its root may be {"omnirelay": {"mesh": ...}} or {"mesh": ...}; what is beside `mesh` is ignored.
 * MESHKIT_E_CONFIGURATION: one message names every unknown key and impossible value, and nothing was merged.
 *
 * @since 0.1
 * @owns own error
 * @threads one
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_config_load_json(
    meshkit_config_t *config, const char *MESHKIT_NULLABLE json, size_t json_len,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Merges the environment variables that are MeshKit's: MESH_GOSSIP__FANOUT=4 or omnirelay__mesh__gossip__fanout=4 set
 * "mesh:gossip:fanout"; others are ignored. No other call reads the environment. As with getenv(), no other thread may
 * change the environment meanwhile.
 *
 * @since 0.1
 * @owns own error
 * @threads one
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_config_load_environment(
    meshkit_config_t *config, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Sets one key: "mesh:gossip:interval" to "1500ms". Durations read 00:00:01.5, 1500ms or 2s; a bare number is refused.
 *
 * @since 0.1
 * @owns own error
 * @threads one
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_config_set(
    meshkit_config_t *config, const char *MESHKIT_NULLABLE key, size_t key_len, const char *MESHKIT_NULLABLE value,
    size_t value_len, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * The current text of a key. MESHKIT_E_NOT_FOUND when it isn't set, or is a secret: those are never given back.
 *
 * @since 0.1
 * @owns own out, own error
 * @threads one
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_config_copy_value(
    meshkit_config_t *config, const char *MESHKIT_NULLABLE key, size_t key_len, meshkit_text_t **out,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * How many keys this library knows.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
size_t meshkit_config_key_count(void);

/**
 * The name of one key, for bindings that list them; empty when `index` is not below meshkit_config_key_count().
 *
 * @since 0.1
 * @owns view, for ever
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_bytes_t meshkit_config_key_at(size_t index);

/**
 * Releases a configuration that no node was opened with.
 *
 * @since 0.1
 * @owns takes config
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_config_release(meshkit_config_t *MESHKIT_NULLABLE config);

/* ---- events -------------------------------------------------------------------------------------------------- */

/**
 * A bounded stream of events with three doors: poll with meshkit_events_next(), watch meshkit_events_fd() in an event
 * loop of your own, or let meshkit_events_start_callback() call you. All give the same events in the same order, to
 * one consumer at a time. One stream may serve several nodes and all kinds of events, log records included.
 *
 * A stream never slows a node down. Half of its places are for membership events, a quarter for completions and ends
 * of nodes, a quarter for broadcasts and log records. When there are no more, membership events of one member merge into
 * the newest, those of a member that has none waiting are lost, the oldest log records go and then the oldest broadcasts
 * (whose payloads may hold 4 MiB together), and calls that need a completion answer MESHKIT_E_BUSY. What is lost is
 * counted in a MESHKIT_EVENT_DROPPED: meshkit_node_members() shows how things are now.
 */
typedef struct meshkit_events_t meshkit_events_t;
typedef struct meshkit_event_t meshkit_event_t;

/** How to make a stream. */
typedef struct meshkit_events_options_t {
  uint32_t struct_size;
  /** How many events it holds: 16 to 65536; 0 for the default, 4096. Better twice the number of members, or more. It
   * takes memory as events wait, not before. */
  uint32_t capacity;
} meshkit_events_options_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_events_options_t) == 8, "meshkit_events_options_t");

/** The longest batch of meshkit_events_next_batch(). */
#define MESHKIT_EVENTS_BATCH_MAX 1024

/**
 * Makes a stream. NULL options are all defaults.
 *
 * @since 0.1
 * @owns own out, own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_events_create(
    const meshkit_events_options_t *MESHKIT_NULLABLE options, meshkit_events_t **out,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * The oldest event. Waits up to `timeout_ms` for one: 0 not at all, negative for ever. MESHKIT_E_TIMEOUT when none
 * came, MESHKIT_E_CLOSED after the stream was closed, MESHKIT_E_WOULD_DEADLOCK on the stream's own callback thread.
 *
 * @since 0.1
 * @owns own out
 * @threads one
 * @blocks up to timeout_ms
 * @callback-safe no, for the stream that calls back; others with timeout_ms 0
 * @completes nothing
 */
meshkit_status_t meshkit_events_next(
    meshkit_events_t *events, int64_t timeout_ms, meshkit_event_t **out);

/**
 * Up to `capacity` events, at most MESHKIT_EVENTS_BATCH_MAX: waits for the first as meshkit_events_next() does, and
 * adds those that are there already. The rest of `out` is set to NULL, up to that limit.
 *
 * @since 0.1
 * @owns own each of out
 * @threads one
 * @blocks up to timeout_ms
 * @callback-safe no, for the stream that calls back; others with timeout_ms 0
 * @completes nothing
 */
meshkit_status_t meshkit_events_next_batch(
    meshkit_events_t *events, int64_t timeout_ms, meshkit_event_t **out, size_t capacity, size_t *count);

/**
 * A descriptor for poll, epoll and the like: readable while an event waits (level-triggered). Never read or close it;
 * call meshkit_events_next() with 0 until it answers MESHKIT_E_TIMEOUT. It belongs to the stream: stop watching it
 * before you release the stream. A negative number is a meshkit_status_t.
 *
 * @since 0.1
 * @owns view, until `events` is released
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
int32_t meshkit_events_fd(meshkit_events_t *events);

/** Whom the stream's thread calls. */
typedef struct meshkit_callback_t {
  uint32_t struct_size;
  uint32_t reserved;
  /** Called for each event, one at a time. The event is yours, as from meshkit_events_next(): release it. */
  void (*MESHKIT_NULLABLE call)(void *MESHKIT_NULLABLE ctx, meshkit_event_t *event);
  /** Called once, after the last `call`, on the same thread: let go of `ctx` there. May be NULL. */
  void (*MESHKIT_NULLABLE drop)(void *MESHKIT_NULLABLE ctx);
  /** Yours; the library only hands it back. */
  void *MESHKIT_NULLABLE ctx;
} meshkit_callback_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_callback_t) == 32, "meshkit_callback_t");

/**
 * Starts one thread, named meshkit-events, that calls back for each event until the stream is closed. Once per stream.
 * When this fails, neither function is ever called.
 *
 * @since 0.1
 * @owns borrows callback; its ctx until drop; own error
 * @threads one
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_events_start_callback(
    meshkit_events_t *events, const meshkit_callback_t *callback, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Ends the stream: waiters wake with MESHKIT_E_CLOSED, the callback thread drops and ends, nodes forget it.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_events_close(meshkit_events_t *events);

/**
 * Closes and releases a stream. Events that you hold stay yours.
 *
 * @since 0.1
 * @owns takes events
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_events_release(meshkit_events_t *MESHKIT_NULLABLE events);

/* ---- event --------------------------------------------------------------------------------------------------- */

/* Types of events, and what `payload` points to. */
#define MESHKIT_EVENT_MEMBER_JOINED 1u    /**< meshkit_member_event_t: a member is new, or is back after it had left */
#define MESHKIT_EVENT_MEMBER_UPDATED 2u   /**< meshkit_member_event_t: its metadata changed */
#define MESHKIT_EVENT_MEMBER_SUSPECT 3u   /**< meshkit_member_event_t: it doesn't answer */
#define MESHKIT_EVENT_MEMBER_RECOVERED 4u /**< meshkit_member_event_t: it was suspect, and answers again */
#define MESHKIT_EVENT_MEMBER_LEFT 5u      /**< meshkit_member_event_t: it said goodbye, or was declared dead */
#define MESHKIT_EVENT_BROADCAST 8u        /**< meshkit_broadcast_t: another member tells all */
#define MESHKIT_EVENT_LOG 16u             /**< meshkit_log_t: a log record */
#define MESHKIT_EVENT_COMPLETED 32u       /**< meshkit_outcome_t: the operation with this token ended */
#define MESHKIT_EVENT_NODE_STOPPED 33u    /**< meshkit_outcome_t: a node ended; status 0 when it was stopped, or was
                                               released without a stop, and so without a goodbye; else why it
                                               ended by itself: MESHKIT_E_CONFLICT when another process took
                                               its name, MESHKIT_E_STORAGE when its epoch can't be written */
#define MESHKIT_EVENT_DROPPED 34u         /**< meshkit_dropped_t: the stream was full */

/** One event: a fixed head, and a payload that the type tells. All of it lives until meshkit_event_release(). */
struct meshkit_event_t {
  uint32_t struct_size;
  /** One of MESHKIT_EVENT_*. */
  uint32_t type;
  /** The number that you gave to the call that this answers; else 0. */
  uint64_t token;
  /** How the operation or the node ended; MESHKIT_OK in all other events. */
  meshkit_status_t status;
  uint32_t reserved;
  /** When it happened, in nanoseconds of Unix time. */
  int64_t time_unix_ns;
  /** What happened; NULL in events of unknown types. */
  const void *MESHKIT_NULLABLE payload;
};
MESHKIT_STATIC_ASSERT(sizeof(meshkit_event_t) == 40, "meshkit_event_t");
MESHKIT_STATIC_ASSERT(offsetof(meshkit_event_t, payload) == 32, "meshkit_event_t.payload");

/** How an operation or a node ended; the status is in the event. */
typedef struct meshkit_outcome_t {
  uint32_t struct_size;
  /** 1 when the node is beyond repair. */
  int32_t is_fatal;
  /** After how many milliseconds a retry makes sense; -1 when that isn't known. */
  int64_t retry_after_ms;
  /** For people; empty on success. */
  meshkit_bytes_t message;
} meshkit_outcome_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_outcome_t) == 32, "meshkit_outcome_t");

/** What another member told all, with meshkit_node_broadcast(). */
typedef struct meshkit_broadcast_t {
  uint32_t struct_size;
  uint32_t reserved;
  /** The member that told it, by what the mesh says. That isn't proven: a member can tell one in another's name. Where it
   * matters, let the payload prove itself. */
  meshkit_bytes_t origin;
  /** What it is about, 1 to MESHKIT_BROADCAST_TOPIC_LEN_MAX bytes. */
  meshkit_bytes_t topic;
  /** Any bytes, as they were given; up to MESHKIT_BROADCAST_PAYLOAD_LEN_MAX. */
  meshkit_bytes_t payload;
  /** Grows with each broadcast of the origin's process. */
  uint64_t sequence;
} meshkit_broadcast_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_broadcast_t) == 64, "meshkit_broadcast_t");

/** What a full stream lost. */
typedef struct meshkit_dropped_t {
  uint32_t struct_size;
  uint32_t reserved;
  /** How many events since the last event of this type: of log records and broadcasts the oldest, of membership events
   * the newest, those of members that had none waiting. */
  uint64_t count;
} meshkit_dropped_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_dropped_t) == 16, "meshkit_dropped_t");

/**
 * Releases an event with its payload. A pointer that isn't a live event is ignored.
 *
 * @since 0.1
 * @owns takes event
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_event_release(meshkit_event_t *MESHKIT_NULLABLE event);

/* ---- node ---------------------------------------------------------------------------------------------------- */

/**
 * One member of a mesh inside this process: its threads, sockets and state. Several may live in one process.
 *
 * What all calls that complete with an event have in common: MESHKIT_E_BUSY when the node has no room for more
 * commands, or `events` none for more completions; MESHKIT_E_CLOSED when the node has stopped, or `events` is closed. The
 * completion's status is MESHKIT_E_SHUTDOWN when the node stops before it was done.
 */
typedef struct meshkit_node_t meshkit_node_t;
typedef struct meshkit_members_t meshkit_members_t;

/* What a subscriber wants to hear of; or them together. The end of the node is always told, also with 0. */
#define MESHKIT_TOPIC_MEMBERS 1u    /**< joined, updated, suspect, recovered, left */
#define MESHKIT_TOPIC_LOG 2u        /**< log records */
#define MESHKIT_TOPIC_NODE 4u       /**< the end of the node alone */
#define MESHKIT_TOPIC_BROADCASTS 8u /**< what other members tell all */

/** The most labels a node may have. */
#define MESHKIT_NODE_LABELS_MAX 64
/** The longest topic and the longest payload of a broadcast, in bytes. */
#define MESHKIT_BROADCAST_TOPIC_LEN_MAX 128
#define MESHKIT_BROADCAST_PAYLOAD_LEN_MAX 65536

/**
 * Opens a node: checks the configuration as a whole, binds its ports, loads keys and state, starts its threads. It then
 * joins by its seeds on its own, retrying for ever. Errors name the cause: a port in use, an unreadable key.
 *
 * @since 0.1
 * @owns takes config, own out, own error
 * @threads any
 * @blocks briefly, to read files, bind, and write the start to mesh:dataDir: as long as that disk takes
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_node_open(
    meshkit_config_t *config, meshkit_node_t **out,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Delivers the node's events of `topics` (MESHKIT_TOPIC_*) to a stream until either ends. With MESHKIT_TOPIC_MEMBERS it
 * starts with one MESHKIT_EVENT_MEMBER_JOINED for each other member already known that hasn't left, so that nothing is
 * missed; with MESHKIT_TOPIC_LOG, with up to 128 of the latest records. MESHKIT_E_UNSUPPORTED for topics that this
 * library doesn't know, MESHKIT_E_BUSY when the stream has no place for the end of the node or 64 streams listen already.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_node_subscribe(
    meshkit_node_t *node, meshkit_events_t *events, uint32_t topics,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Replaces this node's labels; the mesh hears of it. Keys have 1 to 64 bytes, values up to 4096, and all that a node
 * announces of itself must fit 16384. The completion's status is MESHKIT_E_ARGUMENT when they break such a rule;
 * MESHKIT_E_ARGUMENT at once for more than MESHKIT_NODE_LABELS_MAX or for what is no text. MESHKIT_E_BUSY,
 * MESHKIT_E_CLOSED and MESHKIT_E_SHUTDOWN as for all calls that complete.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes MESHKIT_EVENT_COMPLETED with token, once, when events isn't NULL and this returns MESHKIT_OK
 */
meshkit_status_t meshkit_node_set_labels(
    meshkit_node_t *node, const meshkit_pair_t *MESHKIT_NULLABLE labels, size_t label_count,
    meshkit_events_t *MESHKIT_NULLABLE events, uint64_t token,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Tells the mesh that this node wants no new work (`draining` 1), or wants it again (0). It stays a member; what others
 * make of it is theirs. It shows in `is_draining` of every picture and in the control plane's documents. The last call
 * counts. MESHKIT_E_ARGUMENT for other numbers; MESHKIT_E_BUSY, MESHKIT_E_CLOSED and MESHKIT_E_SHUTDOWN as for all calls
 * that complete.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes MESHKIT_EVENT_COMPLETED with token, once, when events isn't NULL and this returns MESHKIT_OK
 */
meshkit_status_t meshkit_node_set_draining(
    meshkit_node_t *node, int32_t draining, meshkit_events_t *MESHKIT_NULLABLE events, uint64_t token,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Declares a dead or lost member gone, in the whole mesh at once, on an operator's word. One that lives and can be
 * reached comes back by itself; one that has left already stays as it is. MESHKIT_E_ARGUMENT for what is no name, and
 * for this node itself, which meshkit_node_stop() makes leave; MESHKIT_E_NOT_FOUND for a name that this node doesn't
 * know; MESHKIT_E_BUSY, MESHKIT_E_CLOSED and MESHKIT_E_SHUTDOWN as for all calls that complete.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes MESHKIT_EVENT_COMPLETED with token, once, when events isn't NULL and this returns MESHKIT_OK
 */
meshkit_status_t meshkit_node_remove_member(
    meshkit_node_t *node, meshkit_bytes_t node_id, meshkit_events_t *MESHKIT_NULLABLE events, uint64_t token,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Tells every other member `payload` under `topic`: a MESHKIT_EVENT_BROADCAST on each of their streams that asked for
 * MESHKIT_TOPIC_BROADCASTS, once, in no promised order, under an `origin` that isn't proven. The completion says that
 * it is under way, not that it has arrived. The topic is text of 1 to 128 bytes without control characters, the payload up to 65536 bytes of any kind;
 * payloads over 1024 bytes are announced first and then fetched. Both are copied. MESHKIT_E_ARGUMENT when either breaks
 * these rules, MESHKIT_E_BUSY when more than 8 MiB wait for the node. The completion's status is MESHKIT_E_BUSY, and
 * nothing was told, when the host tells more than a link carries: 256 KiB at once and 128 KiB in each second, where a
 * broadcast counts for its payload and 256 bytes; try again a second later. What is accepted reaches all members that
 * take part, at once or, when many nodes tell much, some seconds later. Delivery is best effort: a member that joins
 * later or is cut off misses it, and so may others when all nodes together tell more than 128 KiB in each second for a
 * minute; mesh_broadcasts_dropped_total counts that.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes MESHKIT_EVENT_COMPLETED with token, once, when events isn't NULL and this returns MESHKIT_OK
 */
meshkit_status_t meshkit_node_broadcast(
    meshkit_node_t *node, meshkit_bytes_t topic, meshkit_bytes_t payload, meshkit_events_t *MESHKIT_NULLABLE events,
    uint64_t token, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Says goodbye to the mesh and stops. Calling it again is fine, also when the node has stopped: then it completes at
 * once. The completion's status is how the node ended, MESHKIT_OK for a goodbye. MESHKIT_E_BUSY as for all calls that
 * complete: try again, or release the node; MESHKIT_E_CLOSED when `events` is closed.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes MESHKIT_EVENT_COMPLETED with token, once, when events isn't NULL and this returns MESHKIT_OK
 */
meshkit_status_t meshkit_node_stop(
    meshkit_node_t *node, meshkit_events_t *MESHKIT_NULLABLE events, uint64_t token,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * meshkit_node_stop(), and waits up to `timeout_ms` for the end; negative waits for ever. MESHKIT_E_TIMEOUT when it
 * goes on stopping, MESHKIT_E_WOULD_DEADLOCK on any thread of the library.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks up to timeout_ms
 * @callback-safe no
 * @completes nothing
 */
meshkit_status_t meshkit_node_stop_wait(
    meshkit_node_t *node, int64_t timeout_ms, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * The port of the mesh listener, of use when 0 was configured. A negative number is a meshkit_status_t.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
int32_t meshkit_node_mesh_port(meshkit_node_t *node);

/**
 * The port of the control listener; 0 when it is switched off. A negative number is a meshkit_status_t.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
int32_t meshkit_node_control_port(meshkit_node_t *node);

/**
 * Takes a picture of the membership. It never waits for the node's work. It costs well under a microsecond; the first
 * call after a change lays the new picture out for all, which takes about as long as copying it.
 *
 * @since 0.1
 * @owns own out
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_node_members(meshkit_node_t *node, meshkit_members_t **out);

/**
 * Releases a node. One that wasn't stopped stops now, without a goodbye: the mesh will suspect it first. One that is
 * stopping says its goodbye and completes what it owes.
 *
 * @since 0.1
 * @owns takes node
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_node_release(meshkit_node_t *MESHKIT_NULLABLE node);

/* ---- members ------------------------------------------------------------------------------------------------- */

/* The status of a member, with the names that operators see. */
#define MESHKIT_MEMBER_ALIVE 1   /**< Alive */
#define MESHKIT_MEMBER_SUSPECT 2 /**< Suspect: it doesn't answer, and may be given up */
#define MESHKIT_MEMBER_LEFT 3    /**< Left: it said goodbye, or was declared dead (is_dead) */

/** One member of the mesh. Fields that say "is" or name an ability are 0 or 1. */
typedef struct meshkit_member_t {
  uint32_t struct_size;
  /** One of MESHKIT_MEMBER_*. */
  int32_t status;
  /** Its name, unique in the cluster. */
  meshkit_bytes_t node_id;
  /** What it announced about itself. */
  meshkit_bytes_t role;
  meshkit_bytes_t cluster_id;
  meshkit_bytes_t region;
  meshkit_bytes_t mesh_version;
  /** Where its mesh listener can be reached: "host:port". */
  meshkit_bytes_t endpoint;
  /** Grows with every change of what it announces. */
  int64_t metadata_version;
  /** Grows with every start of its process; 0 for a node of OmniRelay, which has none. */
  uint64_t epoch;
  /** Grows when it answers a suspicion. */
  uint32_t incarnation;
  /** It is the node that was asked. */
  int32_t is_local;
  /** It was declared dead rather than said goodbye. */
  int32_t is_dead;
  /** It speaks HTTP/3. */
  int32_t http3_support;
  /** When the asked node last heard from it, in nanoseconds of Unix time; 0 when it only knows it from others. */
  int64_t last_seen_unix_ns;
  /** The last measured round trip in nanoseconds; -1 when there is none. */
  int64_t rtt_ns;
  /** Sorted by key, each key once. */
  const meshkit_pair_t *MESHKIT_NULLABLE labels;
  size_t label_count;
  /** The TLS version that it offers: "1.3". */
  meshkit_bytes_t tls_version;
  /** Peers must show it a certificate. */
  int32_t mutual_tls;
  /** It checks a revocation list. */
  int32_t revocation_checked;
  /** When its certificate expires, in seconds of Unix time; 0 when unknown. */
  int64_t certificate_expires_unix_s;
  /** It wants no new work. */
  int32_t is_draining;
  uint32_t reserved;
} meshkit_member_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_member_t) == 208, "meshkit_member_t");
MESHKIT_STATIC_ASSERT(offsetof(meshkit_member_t, labels) == 152, "meshkit_member_t.labels");

/** A change of the membership: payload of MESHKIT_EVENT_MEMBER_*. */
typedef struct meshkit_member_event_t {
  uint32_t struct_size;
  uint32_t reserved;
  /** Links the change to the log record of the same change. */
  uint64_t correlation;
  /** The member after the change. */
  const meshkit_member_t *member;
} meshkit_member_event_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_member_event_t) == 24, "meshkit_member_event_t");

/**
 * How many members the picture shows, the local one included.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
size_t meshkit_members_count(const meshkit_members_t *MESHKIT_NULLABLE members);

/**
 * A number that grows with every new picture: equal revisions of one node are equal pictures.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
uint64_t meshkit_members_revision(const meshkit_members_t *MESHKIT_NULLABLE members);

/**
 * One member: the local one at 0, the others in the order of their names. MESHKIT_E_NOT_FOUND beyond the last.
 *
 * @since 0.1
 * @owns view out, until `members` is released
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_members_get(
    const meshkit_members_t *members, size_t index, const meshkit_member_t **out);

/**
 * The member of that name. MESHKIT_E_NOT_FOUND when there is none.
 *
 * @since 0.1
 * @owns view out, until `members` is released
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_members_find(
    const meshkit_members_t *members, const char *MESHKIT_NULLABLE node_id, size_t node_id_len,
    const meshkit_member_t **out);

/**
 * Releases a picture.
 *
 * @since 0.1
 * @owns takes members
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_members_release(meshkit_members_t *MESHKIT_NULLABLE members);

/* ---- log ----------------------------------------------------------------------------------------------------- */

/* Levels of log records. */
#define MESHKIT_LOG_TRACE 0
#define MESHKIT_LOG_DEBUG 1
#define MESHKIT_LOG_INFORMATION 2
#define MESHKIT_LOG_WARNING 3
#define MESHKIT_LOG_ERROR 4
#define MESHKIT_LOG_CRITICAL 5

/** One structured log record: payload of MESHKIT_EVENT_LOG. docs/reference/logs.md lists them. */
typedef struct meshkit_log_t {
  uint32_t struct_size;
  /** One of MESHKIT_LOG_*. */
  int32_t level;
  /** The number of this kind of record within its category. */
  int32_t event_id;
  uint32_t reserved;
  /** The part that speaks. */
  meshkit_bytes_t category;
  /** The name of this kind of record. */
  meshkit_bytes_t event_name;
  /** For people; the facts are in `fields`. */
  meshkit_bytes_t message;
  const meshkit_pair_t *MESHKIT_NULLABLE fields;
  size_t field_count;
  /** The correlation of the membership event that it belongs to; 0 when it belongs to none. */
  uint64_t correlation;
} meshkit_log_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_log_t) == 88, "meshkit_log_t");
MESHKIT_STATIC_ASSERT(offsetof(meshkit_log_t, correlation) == 80, "meshkit_log_t.correlation");

/* ---- stats --------------------------------------------------------------------------------------------------- */

/**
 * The node's figures as one JSON document; docs/reference/statistics.md explains every field.
 *
 * @since 0.1
 * @owns own out, own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_node_stats_json(
    meshkit_node_t *node, meshkit_text_t **out,
    meshkit_error_t **MESHKIT_NULLABLE error);

MESHKIT_NONNULL_END
#ifdef __cplusplus
}
#endif
#endif /* MESHKIT_H */
