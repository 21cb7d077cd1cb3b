/* SPDX-License-Identifier: Apache-2.0
 *
 * meshkit_unstable.h: experiments and aids for tests. Nothing here is promised: any of it may change or go in any
 * version. Programs include meshkit.h and leave this file alone; tests of bindings may need it.
 */
#ifndef MESHKIT_UNSTABLE_H
#define MESHKIT_UNSTABLE_H

#include "meshkit.h"

#ifdef __cplusplus
extern "C" {
#endif
MESHKIT_NONNULL_BEGIN

/** The type of the event that meshkit_unstable_events_inject_unknown() appends: one that no host knows. */
#define MESHKIT_UNSTABLE_EVENT_UNKNOWN 0x7fffffffu

/**
 * Appends an event of a type that no host knows, so that a binding can prove that it skips and releases those.
 *
 * @since 0.1
 * @owns nothing
 * @threads any
 * @blocks never
 * @callback-safe yes
 * @completes nothing
 */
meshkit_status_t meshkit_unstable_events_inject_unknown(meshkit_events_t *events);

MESHKIT_NONNULL_END
#ifdef __cplusplus
}
#endif
#endif /* MESHKIT_UNSTABLE_H */
