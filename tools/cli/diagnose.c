/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a failed step to its likely cause.  The library's error says what
 * happened; here stands what people usually have done to make it happen, found
 * out by one more connection where that tells it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "doctor.h"

enum {
	UNSUPPORTED_MECHANISM = 33,
	AUTHENTICATION_FAILED = 58,
};

__attribute__((format(printf, 2, 3))) static void say(struct doctor_step *step, const char *format,
						      ...)
{
	size_t used = strlen(step->cause);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(step->cause + used, sizeof(step->cause) - used, format, arguments);
	va_end(arguments);
}

static bool says(const struct kwire_error *error, const char *words)
{
	return strstr(error->message, words) != NULL;
}

static bool is_loopback(const char *host)
{
	return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
	       strcmp(host, "::1") == 0;
}

/* What is wrong with an address that came from the cluster is wrong in its configuration. */
static void say_advertised(struct doctor_step *step, const struct doctor_target *target)
{
	if (target->node_id < 0)
		return;
	say(step, "broker %d tells its clients to come to %s:%d (its advertised.listeners), ",
	    (int)target->node_id, target->host, target->port);
	if (is_loopback(target->host))
		say(step, "which means this machine itself to everyone: it should be a name by "
			  "which clients reach it; ");
	else
		say(step, "which has to work from here, not only in the broker's own network; ");
}

static void resolving(struct doctor_step *step, const struct doctor_target *target)
{
	say_advertised(step, target);
	say(step, "the name is misspelt, or not known to the name servers of this machine (see "
		  "/etc/resolv.conf and /etc/hosts)");
}

static void connecting(struct doctor_step *step, const struct doctor_target *target,
		       const struct kwire_error *error)
{
	say_advertised(step, target);
	switch (error->os_errno) {
	case ECONNREFUSED:
		say(step,
		    "the host is there, but nothing listens on port %d: the broker is down, "
		    "or its listener has another port or another interface",
		    target->port);
		break;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EADDRNOTAVAIL:
		say(step, "there is no route from here: the wrong network, a VPN that is down, or "
			  "an address of the wrong family");
		break;
	case EMFILE:
	case ENFILE:
		say(step, "this process may not open more descriptors");
		break;
	default:
		say(step, "nobody answers: a firewall or security group drops the packets, or the "
			  "host is down");
	}
}

static void securing(struct doctor *doctor, struct doctor_step *step,
		     const struct doctor_target *target, const struct kwire_error *error)
{
	struct kwire_error probe = KWIRE_ERROR_INIT;

	if (says(error, "HTTP"))
		say(step, "this is a web server or a proxy, not a broker: check the port");
	else if (says(error, "not yet valid"))
		say(step, "this machine's clock is behind, or the certificate was made for later");
	else if (says(error, "expired"))
		say(step, "the broker needs a new certificate, or this machine's clock is ahead");
	else if (says(error, "not trusted") || says(error, "self-signed"))
		say(step, "ssl.ca.location is not the CA that signed the broker's certificate");
	else if (says(error, "certificate is for"))
		say(step, "the broker is known by another name in its certificate than by the one "
			  "it is reached by: use that one, or ssl.verification.name");
	else if (says(error, "revoked"))
		say(step, "the broker's certificate was withdrawn: it needs a new one");
	else if (says(error, "client certificate"))
		say(step, "the broker wants a client certificate (ssl.certificate.location and "
			  "ssl.key.location), or does not trust the one it got");
	else if (error->result == KWIRE_ECONFIG || error->result == KWIRE_ENOTBUILT)
		say(step, "a file or property named by ssl.… is not right");
	else if (doctor_probe(doctor, target, "PLAINTEXT", &probe) == 0)
		say(step,
		    "this is a plaintext listener: set security.protocol to %s, or use the "
		    "TLS port",
		    doctor->security.sasl ? "SASL_PLAINTEXT" : "PLAINTEXT");
	else if (says(error, "plaintext listener"))
		say(step, "this port does not speak TLS: check the port and security.protocol");
	else
		say(step, "the two sides have no TLS version or cipher suite in common, or this is "
			  "no TLS listener");
}

static void negotiating(struct doctor *doctor, struct doctor_step *step,
			const struct doctor_target *target, const struct kwire_error *error)
{
	struct kwire_error probe = KWIRE_ERROR_INIT;

	if (says(error, "HTTP"))
		say(step, "this is a web server or a proxy, not a broker: check the port");
	else if (says(error, "SSH"))
		say(step, "this is an SSH server: check the port");
	else if (doctor->security.tls)
		say(step, "what listens behind TLS here is no Kafka broker: check the port");
	else if (says(error, "TLS record") || doctor_probe(doctor, target, "SSL", &probe) == 0 ||
		 probe.phase > KWIRE_PHASE_TLS)
		say(step,
		    "this is a TLS listener: set security.protocol to %s, or use the "
		    "plaintext port",
		    doctor->security.sasl ? "SASL_SSL" : "SSL");
	else if (error->result == KWIRE_ETIMEDOUT)
		say(step, "somebody accepts connections there but says nothing: a hanging broker, "
			  "or a load balancer with no broker behind it");
	else
		say(step, "what listens there is no Kafka broker, or closes at once: check the "
			  "port, and the broker's log");
}

static void logging_in(struct doctor_step *step, const struct kwire_error *error)
{
	if (error->kafka_code == UNSUPPORTED_MECHANISM || says(error, "does not offer"))
		say(step, "the mechanism is not among sasl.enabled.mechanisms of that listener: "
			  "set sasl.mechanism to one that it offers");
	else if (says(error, "offers no SASL") || says(error, "SASL listener") ||
		 says(error, "ILLEGAL_SASL_STATE"))
		say(step, "this listener wants no login: set security.protocol to PLAINTEXT or "
			  "SSL, or use the SASL port");
	else if (error->kafka_code == AUTHENTICATION_FAILED || error->result == KWIRE_EAUTH)
		say(step, "wrong user name or password, or the user is not known to that mechanism "
			  "on this cluster (a SCRAM user is made for one of the two)");
	else if (error->result == KWIRE_ECONFIG)
		say(step, "credentials are missing or not readable: see sasl.…");
	else if (says(error, "GSSAPI") || says(error, "Kerberos"))
		say(step, "Kerberos: no ticket (see klist), a clock that is off, or "
			  "sasl.kerberos.service.name");
	else
		say(step, "the exchange broke off: see the broker's log");
}

static void asking(struct doctor *doctor, struct doctor_step *step, const struct kwire_error *error)
{
	if (error->result == KWIRE_EDISCONNECTED && !doctor->security.sasl)
		say(step,
		    "the broker hangs up at the first real request: this listener wants a "
		    "login, set security.protocol to SASL_%s",
		    doctor->security.tls ? "SSL" : "PLAINTEXT");
	else if (error->result == KWIRE_ETIMEDOUT)
		say(step, "the broker negotiates but does not answer: it is starting, overloaded, "
			  "or has lost its controller");
}

void doctor_diagnose(struct doctor *doctor, const struct doctor_target *target,
		     struct doctor_step *step, const struct kwire_error *error)
{
	step->cause[0] = '\0';
	if (strcmp(step->name, "resolve") == 0)
		resolving(step, target);
	else if (strcmp(step->name, "connect") == 0)
		connecting(step, target, error);
	else if (strcmp(step->name, "tls") == 0)
		securing(doctor, step, target, error);
	else if (strcmp(step->name, "versions") == 0)
		negotiating(doctor, step, target, error);
	else if (strcmp(step->name, "sasl") == 0)
		logging_in(step, error);
	else
		asking(doctor, step, error);
}
