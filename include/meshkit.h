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
#define MESHKIT_ABI_VERSION 4

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
#define MESHKIT_EVENT_QUEUE_READY 48u     /**< meshkit_queue_event_t: a task is ready, after none was */
#define MESHKIT_EVENT_QUEUE_EXPIRED 49u   /**< meshkit_queue_event_t: a lease ran out */
#define MESHKIT_EVENT_QUEUE_DEAD 50u      /**< meshkit_queue_event_t: a task became a dead letter */
#define MESHKIT_EVENT_QUEUE_DEAD_FULL 51u /**< meshkit_queue_event_t: dead letters take places of the queue's own */
#define MESHKIT_EVENT_QUEUE_SIGNAL 52u    /**< meshkit_queue_event_t: the depth crossed a mark of a monitor */
#define MESHKIT_EVENT_QUEUE_DRAINED 53u   /**< meshkit_queue_event_t: it is drained */
#define MESHKIT_EVENT_QUEUE_CLOSED 54u    /**< meshkit_queue_event_t: it is closed; the last event of a queue */
#define MESHKIT_EVENT_PUMP_LEASE 64u      /**< meshkit_lease_t: a pump brings a task; end it by the pump */
#define MESHKIT_EVENT_PUMP_ENDED 65u      /**< meshkit_outcome_t: the last event of a pump; status 0 when you closed
                                               it, MESHKIT_E_CLOSED when its queue was */

/** One event: a fixed head, and a payload that the type tells. All of it lives until meshkit_event_release(). */
struct meshkit_event_t {
  uint32_t struct_size;
  /** One of MESHKIT_EVENT_*. */
  uint32_t type;
  /** The number that you gave to the call that this answers, or to the pump; else 0. */
  uint64_t token;
  /** How the operation, the node or the pump ended; MESHKIT_OK in all other events. */
  meshkit_status_t status;
  uint32_t reserved;
  /** When it happened, in nanoseconds of Unix time. */
  int64_t time_unix_ns;
  /** What happened; NULL in events of unknown types. */
  const void *MESHKIT_NULLABLE payload;
};
MESHKIT_STATIC_ASSERT(sizeof(meshkit_event_t) == 40, "meshkit_event_t");
MESHKIT_STATIC_ASSERT(offsetof(meshkit_event_t, payload) == 32, "meshkit_event_t.payload");

/** How an operation, a node or a pump ended; the status is in the event. */
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

/** What happened in a lease queue: payload of MESHKIT_EVENT_QUEUE_*. What doesn't belong to the type is zero. */
typedef struct meshkit_queue_event_t {
  uint32_t struct_size;
  /** Of MESHKIT_EVENT_QUEUE_DEAD: one of MESHKIT_DEAD_*. */
  int32_t cause;
  /** The queue's name. */
  meshkit_bytes_t queue;
  /** Of MESHKIT_EVENT_QUEUE_EXPIRED and _DEAD: the epoch of the task; of all others, that of the queue. */
  uint64_t epoch;
  /** Of MESHKIT_EVENT_QUEUE_EXPIRED and _DEAD: the number of the task; of _SIGNAL, that of the monitor. */
  uint64_t sequence;
  /** And the number of its last delivery. */
  uint32_t attempt;
  /** Of MESHKIT_EVENT_QUEUE_SIGNAL: 1 when the queue is overloaded. */
  int32_t is_active;
  /** Its number. */
  uint64_t version;
  /** Pending tasks at the signal; dead letters in MESHKIT_EVENT_QUEUE_DEAD_FULL; tasks still leased in _DRAINED. */
  uint64_t count;
  /** Of MESHKIT_EVENT_QUEUE_SIGNAL: the marks of the monitor. */
  uint32_t high_watermark;
  uint32_t low_watermark;
} meshkit_queue_event_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_queue_event_t) == 72, "meshkit_queue_event_t");

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
 * missed; with MESHKIT_TOPIC_LOG, with the latest records: up to 128 that tell who asked for what
 * (MeshControlOperation), and up to 128 others, in the order in which they came. A stream of fewer than 1024 places may
 * lose some of them. MESHKIT_E_UNSUPPORTED for topics that this library doesn't know, MESHKIT_E_BUSY when the stream has
 * no place for the end of the node or 64 streams listen already.
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
 * The port of the control listener; 0 when it is switched off. A negative number is a meshkit_status_t. Where it has
 * several addresses this is the port of the first; a log record MeshControlListening tells each.
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
  /** It speaks HTTP/3: it says so, and its link to the asked node has not fallen back to HTTP/2. */
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

/* ---- queue --------------------------------------------------------------------------------------------------- */

/**
 * A lease queue: producers put *tasks* in; consumers *lease* them for a time, and say that they are done or how they
 * failed. Who says nothing loses the lease, and the task is delivered again; one that fails too often becomes a *dead
 * letter*, which can be read and delivered again. Nothing that was admitted is ever lost while the process lives. It
 * needs no node, and any number of threads may use one queue. docs/guides/lease-queues.md is the tutorial.
 *
 * What the calls on a queue have in common: MESHKIT_E_CLOSED once it is closed or released (but its counts and the last
 * signals of its monitors can still be read), and MESHKIT_E_DRAINING from those that admit, or lease without waiting,
 * while it is being drained. Calls whose names end in `_wait` answer MESHKIT_E_WOULD_DEADLOCK on threads of the library,
 * unless `timeout_ms` is 0, and then what the call without `_wait` would.
 */
typedef struct meshkit_queue_t meshkit_queue_t;

/** In fields of options where 0 stands for the default: none at all. */
#define MESHKIT_QUEUE_NONE (-1)

/** How a queue behaves. Zero stands for the default everywhere. */
typedef struct meshkit_queue_options_t {
  uint32_t struct_size;
  /** Tasks that it holds, pending, delayed and leased together: 1 to 16777216; default 512. */
  uint32_t capacity;
  /** Greater than that of every earlier life of the queue. It is part of every task's id. Default is the time of day; a
   * host that restores snapshots, and whose clock may be set back, gives the last epoch and 1, or more. */
  uint64_t epoch;
  /** How long a lease lasts from its grant and from each heartbeat, 1 to 604800000; default 30000. */
  int64_t lease_duration_ms;
  /** How often a consumer should beat, at most half of lease_duration_ms; default 5000, or a sixth of a shorter lease. */
  int64_t heartbeat_interval_ms;
  /** How long a task waits after its first failure; twice as long after each further one, up to retry_longest_ms, and 20 %
   * more or less at random. Default 100; MESHKIT_QUEUE_NONE for no wait. */
  int64_t retry_first_ms;
  /** Default 30000, or retry_first_ms where that is longer. */
  int64_t retry_longest_ms;
  /** Deliveries of a task, the first included, until it is a dead letter: 1 to 1000; default 5. */
  uint32_t attempts_max;
  /** Dead letters that are kept beside the queue's own places, up to 16777216; further ones take those. Default 1024;
   * MESHKIT_QUEUE_NONE for none. */
  int32_t dead_letters_max;
  /** Request ids that are remembered, up to 1048576; default 4096; MESHKIT_QUEUE_NONE for none. */
  int32_t request_window;
  /** Bytes of one payload, up to 67108864; default 1048576. */
  uint32_t payload_len_max;
} meshkit_queue_options_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_queue_options_t) == 64, "meshkit_queue_options_t");

/** Which task it is, for as long as it lives. This struct never grows. */
typedef struct meshkit_task_id_t {
  /** The life of the queue that admitted it. */
  uint64_t epoch;
  /** The number of its admission, from 1. */
  uint64_t sequence;
} meshkit_task_id_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_task_id_t) == 16, "meshkit_task_id_t");

/**
 * What entitles its bearer to end one lease. Plain numbers: copy them, store them, send them. A store behind the consumer
 * can refuse the older of two writers by (epoch, sequence, attempt). This struct never grows.
 */
typedef struct meshkit_token_t {
  meshkit_task_id_t task;
  /** Random. */
  uint64_t lease_id;
  /** The number of this delivery of the task, from 1; it never goes back. */
  uint32_t attempt;
  uint32_t reserved;
} meshkit_token_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_token_t) == 32, "meshkit_token_t");

/** What a producer hands in. All of it is copied. */
typedef struct meshkit_task_t {
  uint32_t struct_size;
  /** Greater goes first: -4 to 3. */
  int32_t priority;
  /** How long it waits before it may be leased. */
  int64_t delay_ms;
  /** Any bytes, up to the queue's payload_len_max. */
  meshkit_bytes_t payload;
  /** Tasks of one key are leased one after the other, in the order of their admission. Up to 256 bytes; empty for none. */
  meshkit_bytes_t key;
  /** The same id again, within the queue's request_window, is the same task. Up to 256 bytes; empty for none. */
  meshkit_bytes_t request_id;
  /** What the payload is: "application/json". Up to 256 bytes. */
  meshkit_bytes_t content_type;
  /** Up to 32, with 8192 bytes together. */
  const meshkit_pair_t *MESHKIT_NULLABLE attributes;
  size_t attribute_count;
} meshkit_task_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_task_t) == 96, "meshkit_task_t");

/** A task at a consumer. All of it lives until meshkit_lease_release(), also when the lease is over; where it came as
 * the payload of an event, until meshkit_event_release(). */
typedef struct meshkit_lease_t {
  uint32_t struct_size;
  int32_t priority;
  /** What ends it: give it to meshkit_queue_complete() and its like. */
  meshkit_token_t token;
  meshkit_bytes_t payload;
  meshkit_bytes_t key;
  meshkit_bytes_t request_id;
  meshkit_bytes_t content_type;
  /** Why the last delivery failed; empty at the first one. */
  meshkit_bytes_t last_error;
  const meshkit_pair_t *MESHKIT_NULLABLE attributes;
  size_t attribute_count;
  /** How long ago the task was admitted. */
  int64_t age_ms;
  /** How long the lease lasts from its grant. */
  int64_t lasts_ms;
} meshkit_lease_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_lease_t) == 152, "meshkit_lease_t");

/**
 * Makes an empty queue. The name has 1 to 128 bytes and no control characters; NULL options are all defaults.
 * MESHKIT_E_ARGUMENT names every option that can't be, with what is allowed.
 *
 * @since 0.1
 * @owns own out, own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_create(
    const char *MESHKIT_NULLABLE name, size_t name_len, const meshkit_queue_options_t *MESHKIT_NULLABLE options,
    meshkit_queue_t **out, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Admits a task, or refuses it: MESHKIT_E_BUSY when all places are taken, MESHKIT_E_ARGUMENT for a task that can't be.
 * A task whose request_id is remembered is not admitted again; `out` then gets the id of the one that is known.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_enqueue(
    meshkit_queue_t *queue, const meshkit_task_t *task, meshkit_task_id_t *MESHKIT_NULLABLE out,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * meshkit_queue_enqueue(), and waits up to `timeout_ms` for a place; negative waits for ever. Those who wait are
 * served in the order in which they came. MESHKIT_E_TIMEOUT when none came free: the task was not admitted.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks up to timeout_ms
 * @callback-safe no
 * @completes nothing
 */
meshkit_status_t meshkit_queue_enqueue_wait(
    meshkit_queue_t *queue, const meshkit_task_t *task, int64_t timeout_ms, meshkit_task_id_t *MESHKIT_NULLABLE out,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Admits `count` tasks, 1 to MESHKIT_EVENTS_BATCH_MAX, in their order and each as by meshkit_queue_enqueue(): one that is
 * refused doesn't keep out those behind it. `tasks` follow each other at the distance of the first one's `struct_size`.
 * `out` and `statuses`, unless NULL, get one id and one status for each, `admitted` how many are MESHKIT_OK. Returns the
 * status of the first that was refused, or that of the whole call, which each of them then has.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_enqueue_batch(
    meshkit_queue_t *queue, const meshkit_task_t *tasks, size_t count, meshkit_task_id_t *MESHKIT_NULLABLE out,
    meshkit_status_t *MESHKIT_NULLABLE statuses, size_t *MESHKIT_NULLABLE admitted);

/**
 * Leases the task that is next: by priority, then first in, first out. MESHKIT_E_TIMEOUT when none is ready.
 *
 * @since 0.1
 * @owns own out
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_lease(meshkit_queue_t *queue, meshkit_lease_t **out);

/**
 * meshkit_queue_lease(), and waits up to `timeout_ms` for a task; negative waits for ever. Those who wait are served
 * in the order in which they came.
 *
 * @since 0.1
 * @owns own out
 * @threads any
 * @blocks up to timeout_ms
 * @callback-safe no
 * @completes nothing
 */
meshkit_status_t meshkit_queue_lease_wait(
    meshkit_queue_t *queue, int64_t timeout_ms, meshkit_lease_t **out);

/**
 * Up to `capacity` tasks, at most MESHKIT_EVENTS_BATCH_MAX: waits for the first as meshkit_queue_lease_wait() does,
 * and adds those that are ready. The rest of `out` is set to NULL, up to that limit.
 *
 * @since 0.1
 * @owns own each of out
 * @threads any
 * @blocks up to timeout_ms
 * @callback-safe no
 * @completes nothing
 */
meshkit_status_t meshkit_queue_lease_batch_wait(
    meshkit_queue_t *queue, int64_t timeout_ms, meshkit_lease_t **out, size_t capacity, size_t *count);

/**
 * Releases the memory of a lease. It does not end the lease: what is neither completed nor failed nor handed back is
 * delivered again when its time is over. A pointer that isn't a live lease is ignored.
 *
 * @since 0.1
 * @owns takes lease
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_lease_release(meshkit_lease_t *MESHKIT_NULLABLE lease);

/**
 * Extends a lease: `lasts_ms` gets how long it lasts from now. MESHKIT_E_LEASE_EXPIRED when it ran out,
 * MESHKIT_E_LEASE_INACTIVE when it has ended otherwise or never was, as for the calls below: then drop the work,
 * somebody else may be at it.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_heartbeat(
    meshkit_queue_t *queue, const meshkit_token_t *token, int64_t *MESHKIT_NULLABLE lasts_ms);

/**
 * The work is done. Of all calls that end a delivery exactly one succeeds.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_complete(meshkit_queue_t *queue, const meshkit_token_t *token);

/**
 * Completes `count` leases, 1 to MESHKIT_EVENTS_BATCH_MAX, each as by meshkit_queue_complete(). `statuses`, unless NULL,
 * gets one for each, `completed` how many are MESHKIT_OK. Returns the status of the first that isn't, or that of the whole
 * call.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_complete_batch(
    meshkit_queue_t *queue, const meshkit_token_t *tokens, size_t count, meshkit_status_t *MESHKIT_NULLABLE statuses,
    size_t *MESHKIT_NULLABLE completed);

/* What becomes of a task whose delivery failed. */
#define MESHKIT_TASK_RETRY 0       /**< again, after the wait of the queue's options; `delay_ms` must be 0 */
#define MESHKIT_TASK_RETRY_AFTER 1 /**< again, after `delay_ms` */
#define MESHKIT_TASK_DEAD_LETTER 2 /**< not again: it is a dead letter; `delay_ms` must be 0 */

/**
 * The work failed; `reason` is for people, up to 1024 bytes of it are kept. `disposition` is one of MESHKIT_TASK_*; a
 * task that was delivered attempts_max times becomes a dead letter whatever it says. Never waits for a place.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_fail(
    meshkit_queue_t *queue, const meshkit_token_t *token, const char *MESHKIT_NULLABLE reason, size_t reason_len,
    int32_t disposition, int64_t delay_ms);

/**
 * The work wasn't begun: the task is the next of its priority, and this delivery doesn't count against it.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_hand_back(meshkit_queue_t *queue, const meshkit_token_t *token);

/** What a queue holds, and what became of all that it admitted. */
typedef struct meshkit_queue_counts_t {
  uint32_t struct_size;
  uint32_t reserved;
  /** Deliverable now, or waiting for an earlier task of the same key. */
  uint64_t pending;
  /** Waiting for their time. */
  uint64_t delayed;
  /** At consumers. */
  uint64_t leased;
  /** Dead letters. */
  uint64_t dead;
  /** How long the task that has been ready for longest has been so, in milliseconds; -1 when none is ready. */
  int64_t oldest_ms;
  /** Since the queue was made: tasks admitted, those of known requests not counted. */
  uint64_t admitted;
  /** Taken in from snapshots. */
  uint64_t restored;
  /** Done. */
  uint64_t completed;
  /** Handed back by a drain or a close. */
  uint64_t handed_back;
  /** Forgotten by a close. */
  uint64_t discarded;
  /** Dead letters forgotten on request. */
  uint64_t purged;
  /** Leases granted; of them, of tasks that had been leased before. */
  uint64_t grants;
  uint64_t redeliveries;
  /** Leases extended. */
  uint64_t heartbeats;
  /** Deliveries that failed, and leases that ran out. */
  uint64_t failed;
  uint64_t expired;
  /** Tasks that became dead letters, and dead letters that were made tasks again. */
  uint64_t dead_lettered;
  uint64_t redriven;
} meshkit_queue_counts_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_queue_counts_t) == 152, "meshkit_queue_counts_t");

/**
 * Counts at one moment, into a struct whose `struct_size` you have set. At every moment admitted + restored =
 * completed + handed_back + discarded + purged + pending + delayed + leased + dead.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_counts(meshkit_queue_t *queue, meshkit_queue_counts_t *out);

/** A task that is delivered no more, until somebody redrives it. A view. */
typedef struct meshkit_dead_letter_t {
  uint32_t struct_size;
  /** One of MESHKIT_DEAD_*. */
  int32_t cause;
  meshkit_task_id_t task;
  /** The number of its last delivery. */
  uint32_t attempt;
  int32_t priority;
  meshkit_bytes_t payload;
  meshkit_bytes_t key;
  meshkit_bytes_t request_id;
  meshkit_bytes_t content_type;
  /** Why the last delivery failed. */
  meshkit_bytes_t last_error;
  const meshkit_pair_t *MESHKIT_NULLABLE attributes;
  size_t attribute_count;
  /** How long ago it was admitted, and how long ago it died. */
  int64_t age_ms;
  int64_t dead_for_ms;
} meshkit_dead_letter_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_dead_letter_t) == 144, "meshkit_dead_letter_t");

/* Why a task is a dead letter. */
#define MESHKIT_DEAD_REFUSED 1 /**< its consumer said so */
#define MESHKIT_DEAD_FAILED 2  /**< it failed as often as it may be delivered */
#define MESHKIT_DEAD_EXPIRED 3 /**< its last lease ran out */

/** A list of dead letters, as they were when it was taken. */
typedef struct meshkit_dead_letters_t meshkit_dead_letters_t;

/**
 * Takes a list of at most `limit` dead letters, up to MESHKIT_EVENTS_BATCH_MAX, in the order of their admission: those
 * after `after`, or from the first on when that is NULL. The last one's id is where the next list begins.
 *
 * @since 0.1
 * @owns own out
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_dead_letters(
    meshkit_queue_t *queue, const meshkit_task_id_t *MESHKIT_NULLABLE after, size_t limit,
    meshkit_dead_letters_t **out);

/**
 * How many dead letters the list holds.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
size_t meshkit_dead_letters_count(const meshkit_dead_letters_t *MESHKIT_NULLABLE letters);

/**
 * One dead letter of the list. MESHKIT_E_NOT_FOUND beyond the last.
 *
 * @since 0.1
 * @owns view out, until `letters` is released
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_dead_letters_get(
    const meshkit_dead_letters_t *letters, size_t index, const meshkit_dead_letter_t **out);

/**
 * Releases a list.
 *
 * @since 0.1
 * @owns takes letters
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_dead_letters_release(meshkit_dead_letters_t *MESHKIT_NULLABLE letters);

/**
 * Makes a dead letter a task again, with all its attempts before it. MESHKIT_E_NOT_FOUND when there is no such one,
 * MESHKIT_E_BUSY when all places are taken.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_redrive(meshkit_queue_t *queue, const meshkit_task_id_t *task);

/**
 * Forgets a dead letter. MESHKIT_E_NOT_FOUND when there is no such one.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_purge(meshkit_queue_t *queue, const meshkit_task_id_t *task);

/* What becomes of the tasks of a queue that is closed. */
#define MESHKIT_CLOSE_DRAIN 0          /**< leases may end until the timeout; everything left then is handed back */
#define MESHKIT_CLOSE_REQUEUE_ACTIVE 1 /**< leases end at once; everything is handed back */
#define MESHKIT_CLOSE_DISCARD 2        /**< everything is forgotten */

/**
 * Stops leasing and admitting, waits up to `timeout_ms` until nothing is leased (negative: a year), and hands back what is
 * pending and delayed: the queue holds it no more, and `snapshot` gets it as bytes for meshkit_queue_restore(). `leased`,
 * unless NULL, gets how many tasks are still at consumers; they stay in the queue, as dead letters do. Consumers that
 * wait go on waiting. Pumps give back what nobody has read, once they hear of the drain: with a `timeout_ms` of 0 that is
 * too late for the snapshot, and such tasks are among the `leased`, then pending in the queue. MESHKIT_E_DRAINING while another drain goes on; MESHKIT_E_RESOURCE, and nothing was done, when the
 * bytes would be more than 1 GiB.
 *
 * @since 0.1
 * @owns own snapshot, own error
 * @threads any
 * @blocks up to timeout_ms, and as long as writing down what the queue holds takes
 * @callback-safe no
 * @completes nothing
 */
meshkit_status_t meshkit_queue_drain_wait(
    meshkit_queue_t *queue, int64_t timeout_ms, meshkit_text_t **snapshot, uint64_t *MESHKIT_NULLABLE leased,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Leases and admits again after a drain.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_resume(meshkit_queue_t *queue);

/**
 * Ends the queue for good: every call that waits answers MESHKIT_E_CLOSED. `mode` is one of MESHKIT_CLOSE_*; only
 * MESHKIT_CLOSE_DRAIN waits, up to `timeout_ms` (negative: a year). `snapshot`, unless NULL, gets what is handed back,
 * dead letters included; with NULL it is forgotten. MESHKIT_E_DRAINING while another close drains; MESHKIT_E_RESOURCE,
 * and nothing was done, when the snapshot would have more than 1 GiB.
 *
 * @since 0.1
 * @owns own snapshot, own error
 * @threads any
 * @blocks up to timeout_ms, and as long as writing down what the queue holds takes
 * @callback-safe no
 * @completes nothing
 */
meshkit_status_t meshkit_queue_close_wait(
    meshkit_queue_t *queue, int32_t mode, int64_t timeout_ms, meshkit_text_t **MESHKIT_NULLABLE snapshot,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * All that the queue holds, taken down at one moment, as bytes for meshkit_queue_restore(). The queue goes on.
 *
 * @since 0.1
 * @owns own out, own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_snapshot(
    meshkit_queue_t *queue, meshkit_text_t **out, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Takes in what this queue or an earlier life of it handed back: all or nothing, and each task once. `count`, unless
 * NULL, gets how many came in. MESHKIT_E_ARGUMENT for bytes that are no snapshot, or one of another queue or of a
 * later life; MESHKIT_E_CONFLICT when all of it is here already; MESHKIT_E_BUSY when it doesn't fit.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_restore(
    meshkit_queue_t *queue, const char *MESHKIT_NULLABLE snapshot, size_t snapshot_len, uint64_t *MESHKIT_NULLABLE count,
    meshkit_error_t **MESHKIT_NULLABLE error);

/* What a subscriber wants to hear of a queue; or them together. That it was drained or closed is always told. */
#define MESHKIT_QUEUE_TOPIC_READY 1u        /**< a task is ready, after none was; look after MESHKIT_EVENT_DROPPED too */
#define MESHKIT_QUEUE_TOPIC_EXPIRATIONS 2u  /**< leases that ran out */
#define MESHKIT_QUEUE_TOPIC_DEAD_LETTERS 4u /**< tasks that became dead letters */
#define MESHKIT_QUEUE_TOPIC_BACKPRESSURE 8u /**< signals of the queue's monitors */

/**
 * Delivers the queue's events of `topics` (MESHKIT_QUEUE_TOPIC_*) to a stream until either ends, and at once how
 * things are: whether something is ready, and the last signal of each monitor. MESHKIT_E_UNSUPPORTED for topics that
 * this library doesn't know, MESHKIT_E_BUSY when the stream has no place for the end of the queue or 64 streams listen
 * already.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_queue_subscribe(
    meshkit_queue_t *queue, meshkit_events_t *events, uint32_t topics, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Shows a queue to the operators of a node: under `/v1/queues` of its control listener, in its metrics, its log records
 * and its statistics. The queue needs no node for anything else, and the node doesn't keep it: one that is closed or
 * released leaves within a second. A queue may be attached to several nodes; to attach it twice to one changes nothing.
 * MESHKIT_E_CONFLICT when another queue of that name is attached, MESHKIT_E_RESOURCE when 64 queues are,
 * MESHKIT_E_CLOSED when the queue is closed or the node has stopped.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_node_attach_queue(
    meshkit_node_t *node, meshkit_queue_t *queue, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Shows a queue to the operators of a node no longer. MESHKIT_E_NOT_FOUND for one that isn't attached.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_node_detach_queue(
    meshkit_node_t *node, meshkit_queue_t *queue, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Releases a queue. Calls that wait for a task or a place answer MESHKIT_E_CLOSED, and its pumps end. One that wasn't
 * closed ends with the last call on it and the last of its monitors and pumps; its tasks are gone then, and its
 * listeners hear MESHKIT_EVENT_QUEUE_CLOSED.
 *
 * @since 0.1
 * @owns takes queue
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_queue_release(meshkit_queue_t *MESHKIT_NULLABLE queue);

/* ---- backpressure -------------------------------------------------------------------------------------------- */

/**
 * Watches the depth of one queue by a pair of marks. Its *signals* say whether the queue is overloaded; they are numbered,
 * and at rest the last one is how things are. A queue may have 16 monitors.
 */
typedef struct meshkit_backpressure_t meshkit_backpressure_t;

/** When a queue counts as overloaded, and when no longer. */
typedef struct meshkit_backpressure_options_t {
  uint32_t struct_size;
  /** Pending tasks from which on it is: 1 to 16777216. */
  uint32_t high_watermark;
  /** Pending tasks down to which it stays so, less than high_watermark; 0 for half of it, MESHKIT_QUEUE_NONE for 0. */
  int32_t low_watermark;
  uint32_t reserved;
  /** Age of the task that has been ready for longest from which on it is, too; 0 never. */
  int64_t high_age_ms;
  /** Age down to which it stays so, less than high_age_ms; 0 for half of it. */
  int64_t low_age_ms;
  /** The shortest time between two signals; 0 for 5000, MESHKIT_QUEUE_NONE for none. */
  int64_t cooldown_ms;
} meshkit_backpressure_options_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_backpressure_options_t) == 40, "meshkit_backpressure_options_t");

/** Whether a queue is overloaded, as a monitor said it. */
typedef struct meshkit_backpressure_signal_t {
  uint32_t struct_size;
  /** 1 when it is. */
  int32_t is_active;
  /** Grows by one with each signal, from 1: ignore one with a smaller number than you have seen. */
  uint64_t version;
  /** Pending tasks at that moment. */
  uint64_t pending_count;
  /** How long the oldest of them had been ready. */
  int64_t oldest_ms;
  /** The marks of the monitor. */
  uint32_t high_watermark;
  uint32_t low_watermark;
  /** How long ago that was. */
  int64_t observed_ms_ago;
  /** The number of the monitor among those of its queue: what events of it say in `sequence`. */
  uint32_t monitor;
  uint32_t reserved;
} meshkit_backpressure_signal_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_backpressure_signal_t) == 56, "meshkit_backpressure_signal_t");

/**
 * Adds a monitor to a queue. MESHKIT_E_ARGUMENT for marks that can't be, MESHKIT_E_RESOURCE when the queue has 16.
 *
 * @since 0.1
 * @owns own out, own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_backpressure_create(
    meshkit_queue_t *queue, const meshkit_backpressure_options_t *options, meshkit_backpressure_t **out,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * The last signal, into a struct whose `struct_size` you have set.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_backpressure_latest(
    meshkit_backpressure_t *backpressure, meshkit_backpressure_signal_t *out);

/**
 * The first signal after `version`, of which 64 are kept; `missed`, unless NULL, gets how many before it are gone.
 * MESHKIT_E_NOT_FOUND when there is none yet.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_backpressure_next(
    meshkit_backpressure_t *backpressure, uint64_t version, meshkit_backpressure_signal_t *out,
    uint64_t *MESHKIT_NULLABLE missed);

/**
 * Waits up to `timeout_ms` until the queue is overloaded (`active` 1) or isn't (0); negative waits for ever. What
 * counts is how things are, told or not: it returns at once when they are so. MESHKIT_E_TIMEOUT when they never were
 * in time.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks up to timeout_ms
 * @callback-safe no
 * @completes nothing
 */
meshkit_status_t meshkit_backpressure_wait(
    meshkit_backpressure_t *backpressure, int32_t active, int64_t timeout_ms);

/**
 * Removes a monitor from its queue and releases it. Who waits for it gets MESHKIT_E_CLOSED.
 *
 * @since 0.1
 * @owns takes backpressure
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_backpressure_release(meshkit_backpressure_t *MESHKIT_NULLABLE backpressure);

/* ---- gate ---------------------------------------------------------------------------------------------------- */

/**
 * Lets callers through at a rate: each takes *permits*, and who finds none waits in line or is refused. A gate has two
 * limits, and while the queue whose monitor it follows is overloaded the throttled one is in force. It needs no queue,
 * and any number of threads may use one gate.
 *
 * What a swap of the limits does: both count every permit from the moment at which it is given, whichever is in force.
 * So permits that are held count against the new limit, and it gives no second burst; but a token bucket owes nothing
 * for what the other limit gave. Nothing that was given is taken back, and those who wait keep their order.
 */
typedef struct meshkit_gate_t meshkit_gate_t;

/* Kinds of limits. */
#define MESHKIT_GATE_CONCURRENCY 1    /**< `permits` at a time, each until it is given back */
#define MESHKIT_GATE_TOKEN_BUCKET 2   /**< `permits` in each period, evenly; up to `burst` at once after a rest */
#define MESHKIT_GATE_SLIDING_WINDOW 3 /**< `permits` in whatever stretch of time is as long as the period */

/** One limit. What isn't of its kind is 0. This struct never grows. */
typedef struct meshkit_gate_limit_t {
  /** One of MESHKIT_GATE_*. */
  int32_t kind;
  /** 1 to 1000000. */
  uint32_t permits;
  /** Of a token bucket and a sliding window: 1 to 3600000. */
  int64_t period_ms;
  /** Of a token bucket: up to 1000000; 0 for `permits`. */
  uint32_t burst;
  /** Of a sliding window: the parts in which it is counted, up to 64; 0 for 10. A permit comes free again up to one
   * part of the period later than it could. */
  uint32_t segments;
} meshkit_gate_limit_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_gate_limit_t) == 24, "meshkit_gate_limit_t");

/** What a gate lets through. */
typedef struct meshkit_gate_options_t {
  uint32_t struct_size;
  /** Calls that may wait, up to 4096; 0 for 1024, MESHKIT_QUEUE_NONE for none. */
  int32_t waiters_max;
  /** Usually. */
  meshkit_gate_limit_t normal;
  /** While the queue is overloaded; of kind 0: no less than usually. */
  meshkit_gate_limit_t throttled;
} meshkit_gate_options_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_gate_options_t) == 56, "meshkit_gate_options_t");

/**
 * Makes a gate that follows nobody. MESHKIT_E_ARGUMENT names every option that can't be, with what is allowed.
 *
 * @since 0.1
 * @owns own out, own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_gate_create(
    const meshkit_gate_options_t *options, meshkit_gate_t **out, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * From now on the throttled limit is in force whenever the last signal of this monitor says that its queue is
 * overloaded, and the normal one otherwise; in place of the monitor before. NULL follows nobody. The limits are swapped
 * within the turn of the queue that tells the signal. When the monitor is released, or its queue closed, the normal
 * limit is in force again. MESHKIT_E_CLOSED when it is so already, MESHKIT_E_BUSY when 64 gates follow that queue.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_gate_follow(
    meshkit_gate_t *gate, meshkit_backpressure_t *MESHKIT_NULLABLE backpressure,
    meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Takes `permits`: 1 up to what both limits let through at once, or else MESHKIT_E_ARGUMENT. MESHKIT_E_BUSY when there
 * is no room, or others wait; the error then says after which time there will be, where time alone makes room.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_gate_acquire(
    meshkit_gate_t *gate, uint32_t permits, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * meshkit_gate_acquire(), and waits up to `timeout_ms` for room; negative waits for ever. Who came first goes first,
 * whatever the others ask for. MESHKIT_E_TIMEOUT when there was no room in time, MESHKIT_E_BUSY when as many calls wait
 * as may, MESHKIT_E_CLOSED when the gate is released meanwhile, MESHKIT_E_WOULD_DEADLOCK on threads of the library
 * unless `timeout_ms` is 0.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks up to timeout_ms
 * @callback-safe no
 * @completes nothing
 */
meshkit_status_t meshkit_gate_acquire_wait(
    meshkit_gate_t *gate, uint32_t permits, int64_t timeout_ms, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * Gives permits back, on any thread. Where one of the limits is of MESHKIT_GATE_CONCURRENCY, each permit must be given
 * back once, whichever limit is in force; MESHKIT_E_ARGUMENT for more than are held. Elsewhere this does nothing.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_gate_give_back(meshkit_gate_t *gate, uint32_t permits);

/** What a gate let through. */
typedef struct meshkit_gate_state_t {
  uint32_t struct_size;
  /** 1 while the throttled limit is in force. */
  int32_t is_throttled;
  /** The number of the last signal that it took; 0 when it follows nobody. */
  uint64_t version;
  /** Permits that are held; 0 where neither limit counts them. */
  uint64_t held;
  /** Calls that wait. */
  uint64_t waiting;
  /** Permits ever given. */
  uint64_t admitted;
  /** Calls that were refused for want of room. */
  uint64_t refused;
  /** How often the limits were swapped. */
  uint64_t swaps;
} meshkit_gate_state_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_gate_state_t) == 56, "meshkit_gate_state_t");

/**
 * How things are, into a struct whose `struct_size` you have set.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_gate_state(meshkit_gate_t *gate, meshkit_gate_state_t *out);

/**
 * Closes and releases a gate. Who waits at it gets MESHKIT_E_CLOSED.
 *
 * @since 0.1
 * @owns takes gate
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_gate_release(meshkit_gate_t *MESHKIT_NULLABLE gate);

/* ---- pump ---------------------------------------------------------------------------------------------------- */

/**
 * Brings tasks from a queue to one consumer as events, MESHKIT_EVENT_PUMP_LEASE, as many as the consumer has granted
 * *credit* for: that is how many may be with it at a time, read or not, that it hasn't ended. A pump renews their
 * leases by itself, and hands back what the consumer hasn't read when it is closed and when its queue is drained; such
 * a delivery doesn't count. A consumer that hangs keeps what it has for hold_max_ms and gets no more; nobody else waits
 * for it.
 *
 * End what a pump brings by meshkit_pump_complete() and its like, not by the calls of the queue: that is what gives the
 * credit back, and the pump brings another task in its place.
 */
typedef struct meshkit_pump_t meshkit_pump_t;

/** The most credit that one pump may have. */
#define MESHKIT_PUMP_CREDIT_MAX 16383

/** How a pump behaves. Zero stands for the default everywhere. */
typedef struct meshkit_pump_options_t {
  uint32_t struct_size;
  uint32_t reserved;
  /** Comes with all its events: by it you tell the pumps of one stream apart. */
  uint64_t token;
  /** How often it renews a lease, at most half of the queue's lease_duration_ms; default is the queue's own
   * heartbeat_interval_ms. */
  int64_t heartbeat_interval_ms;
  /** How long the consumer may have a task before its lease runs out, counted from the grant: at least
   * lease_duration_ms, at most 604800000; default 600000, or a longer lease_duration_ms. */
  int64_t hold_max_ms;
} meshkit_pump_options_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_pump_options_t) == 32, "meshkit_pump_options_t");

/**
 * Makes a pump from a queue to a stream; it brings nothing before credit is granted. NULL options are all defaults.
 * MESHKIT_E_ARGUMENT names every option that can't be; MESHKIT_E_BUSY when the stream has no place for the pump's end,
 * or the queue has 64 pumps; MESHKIT_E_CLOSED when either is closed.
 *
 * @since 0.1
 * @owns own out, own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes MESHKIT_EVENT_PUMP_ENDED, with options.token
 */
meshkit_status_t meshkit_pump_create(
    meshkit_queue_t *queue, meshkit_events_t *events, const meshkit_pump_options_t *MESHKIT_NULLABLE options,
    meshkit_pump_t **out, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * The consumer can take `credit` more tasks at a time, MESHKIT_PUMP_CREDIT_MAX in all. Each has a place of its own
 * among those of the stream for completions: MESHKIT_E_BUSY when there aren't so many, and then none is granted.
 *
 * @since 0.1
 * @owns own error
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes MESHKIT_EVENT_PUMP_LEASE for each task, with the pump's token
 */
meshkit_status_t meshkit_pump_grant(
    meshkit_pump_t *pump, uint32_t credit, meshkit_error_t **MESHKIT_NULLABLE error);

/**
 * The work is done. Answers what meshkit_queue_complete() does; whatever it is, the delivery is over for the pump and
 * its credit comes back, but for a MESHKIT_E_ARGUMENT. MESHKIT_E_LEASE_INACTIVE, and nothing is done, for a token that
 * this pump hasn't brought, or that was settled.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_pump_complete(meshkit_pump_t *pump, const meshkit_token_t *token);

/**
 * The work failed: meshkit_queue_fail(), and as meshkit_pump_complete() in all else.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_pump_fail(
    meshkit_pump_t *pump, const meshkit_token_t *token, const char *MESHKIT_NULLABLE reason, size_t reason_len,
    int32_t disposition, int64_t delay_ms);

/**
 * The work wasn't begun: meshkit_queue_hand_back(). Its credit does not come back; grant more when you want more. Where
 * there is credit left the pump may bring the same task again at once: a consumer that can't do it fails it with a delay
 * instead.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_pump_hand_back(meshkit_pump_t *pump, const meshkit_token_t *token);

/** What a pump brought. */
typedef struct meshkit_pump_state_t {
  uint32_t struct_size;
  /** 1 until it is closed, or its queue or its stream is. */
  int32_t is_open;
  /** How many tasks may be with the consumer at a time. */
  uint64_t credit;
  /** How many are, read or not, that it hasn't ended. */
  uint64_t unsettled;
  /** Tasks ever brought, those that went back unread not counted. */
  uint64_t delivered;
  /** Those that the consumer ended. */
  uint64_t settled;
  /** Tasks that went back unread. */
  uint64_t handed_back;
  /** Leases that were over before the consumer ended them, or that aren't renewed any more. */
  uint64_t over;
} meshkit_pump_state_t;
MESHKIT_STATIC_ASSERT(sizeof(meshkit_pump_state_t) == 56, "meshkit_pump_state_t");

/**
 * How things are, into a struct whose `struct_size` you have set.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_pump_state(meshkit_pump_t *pump, meshkit_pump_state_t *out);

/**
 * Brings nothing more, and hands back what you haven't read: its events are gone, and MESHKIT_EVENT_PUMP_ENDED is the
 * last one. What you have read stays yours, and is renewed as before until you end it or release the pump.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_pump_close(meshkit_pump_t *pump);

/**
 * Closes and releases a pump. What you have read is renewed no more; end it by the calls of the queue.
 *
 * @since 0.1
 * @owns takes pump
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
void meshkit_pump_release(meshkit_pump_t *MESHKIT_NULLABLE pump);

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
