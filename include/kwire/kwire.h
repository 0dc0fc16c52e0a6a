/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kwire: the connection and request layer of Apache Kafka, in C.  This header
 * brings everything but the messages; include those that you use:
 * <kwire/api/metadata.h>, <kwire/api/create_topics.h>, ...
 */
#ifndef KWIRE_KWIRE_H
#define KWIRE_KWIRE_H

#include <kwire/call.h>
#include <kwire/client.h>
#include <kwire/config.h>
#include <kwire/connection.h>
#include <kwire/fetch.h>
#include <kwire/message.h>
#include <kwire/observe.h>
#include <kwire/records.h>
#include <kwire/result.h>
#include <kwire/sasl.h>
#include <kwire/security.h>
#include <kwire/transport.h>
#include <kwire/version.h>

#endif
