/* SPDX-License-Identifier: Apache-2.0 */
/* See tls_verify.h. */
#include "../base/error.h"

#if KW_WITH_TLS
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "tls_verify.h"

/* Days from 1970-01-01 of a Gregorian date (years of 400 in a row have 146,097 days). */
static int64_t days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* Seconds since 1970 of a certificate's date. */
static int64_t seconds_of(const mbedtls_x509_time *time)
{
	return days(time->year, time->mon, time->day) * 86400 + time->hour * 3600 + time->min * 60 +
	       time->sec;
}

/* ------------------------------------------------------------- alternative names */

enum {
	GENERAL_NAME_DNS = 2,
	GENERAL_NAME_ADDRESS = 7,
};

struct names {
	struct kw_tls_verdict *verdict;
	bool any;     /* the certificate has alternative names */
	bool matched; /* one of them stands for the host */
};

static void list_name(struct kw_tls_verdict *verdict, const char *name)
{
	size_t used = strlen(verdict->names);

	snprintf(verdict->names + used, sizeof(verdict->names) - used, "%s%s", used > 0 ? ", " : "",
		 name);
}

static void list_text(struct kw_tls_verdict *verdict, const unsigned char *text, size_t size)
{
	char name[128];
	size_t i;

	for (i = 0; i < size && i < sizeof(name) - 1; i++)
		name[i] = (char)(text[i] > 0x20 && text[i] < 0x7f ? text[i] : '?');
	name[i] = '\0';
	list_name(verdict, name);
}

static void take_name(struct names *names, unsigned tag, const unsigned char *value, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	names->any = true;
	if (tag == GENERAL_NAME_DNS) {
		names->matched |= kw_tls_name_matches(&names->verdict->host, (const char *)value,
						      size);
		list_text(names->verdict, value, size);
	} else if (tag == GENERAL_NAME_ADDRESS && (size == 4 || size == 16)) {
		names->matched |= kw_tls_address_matches(&names->verdict->host, value, size);
		if (inet_ntop(size == 4 ? AF_INET : AF_INET6, value, text, sizeof(text)) != NULL)
			list_name(names->verdict, text);
	}
}

/* GeneralNames ::= SEQUENCE OF GeneralName; false: malformed. */
static bool walk_names(struct names *names, unsigned char *at, const unsigned char *end)
{
	size_t size;

	if (mbedtls_asn1_get_tag(&at, end, &size,
				 MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0 ||
	    at + size != end)
		return false;
	while (at < end) {
		unsigned tag = *at++;

		if (mbedtls_asn1_get_len(&at, end, &size) != 0)
			return false;
		if ((tag & MBEDTLS_ASN1_TAG_CLASS_MASK) == MBEDTLS_ASN1_CONTEXT_SPECIFIC)
			take_name(names, tag & MBEDTLS_ASN1_TAG_VALUE_MASK, at, size);
		at += size;
	}
	return true;
}

/* Finds the extension subjectAltName among all of them; false: malformed. */
static bool walk_extensions(struct names *names, const mbedtls_x509_crt *certificate)
{
	static const unsigned char subject_alt_name[] = {0x55, 0x1d, 0x11};
	unsigned char *at = certificate->v3_ext.p;
	const unsigned char *end;
	size_t size;

	if (at == NULL || certificate->v3_ext.len == 0)
		return true;
	end = at + certificate->v3_ext.len;
	if (mbedtls_asn1_get_tag(&at, end, &size,
				 MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0)
		return false;
	while (at < end) {
		const unsigned char *extension_end;
		bool wanted;
		int critical;

		if (mbedtls_asn1_get_tag(&at, end, &size,
					 MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0)
			return false;
		extension_end = at + size;
		if (mbedtls_asn1_get_tag(&at, extension_end, &size, MBEDTLS_ASN1_OID) != 0)
			return false;
		wanted = size == sizeof(subject_alt_name) &&
			 memcmp(at, subject_alt_name, size) == 0;
		at += size;
		if (wanted) {
			if (at < extension_end && *at == MBEDTLS_ASN1_BOOLEAN &&
			    mbedtls_asn1_get_bool(&at, extension_end, &critical) != 0)
				return false;
			if (mbedtls_asn1_get_tag(&at, extension_end, &size,
						 MBEDTLS_ASN1_OCTET_STRING) != 0 ||
			    at + size != extension_end || !walk_names(names, at, extension_end))
				return false;
		}
		at = (unsigned char *)(uintptr_t)extension_end;
	}
	return true;
}

/* The common name counts only where a certificate has no alternative names at all. */
static void take_common_name(struct names *names, const mbedtls_x509_crt *certificate)
{
	static const unsigned char common_name[] = {0x55, 0x04, 0x03};

	for (const mbedtls_x509_name *name = &certificate->subject; name != NULL; name = name->next)
		if (name->oid.len == sizeof(common_name) &&
		    memcmp(name->oid.p, common_name, sizeof(common_name)) == 0) {
			names->matched |= kw_tls_name_matches(
				&names->verdict->host, (const char *)name->val.p, name->val.len);
			list_text(names->verdict, name->val.p, name->val.len);
		}
}

static bool name_fits(struct kw_tls_verdict *verdict, const mbedtls_x509_crt *certificate)
{
	struct names names = {verdict, false, false};

	if (!walk_extensions(&names, certificate))
		return false;
	if (!names.any)
		take_common_name(&names, certificate);
	return names.matched;
}

/* ------------------------------------------------------------------- judging */

static void write_name(char text[KW_TLS_NAME], const mbedtls_x509_name *name)
{
	if (mbedtls_x509_dn_gets(text, KW_TLS_NAME, name) < 0)
		snprintf(text, KW_TLS_NAME, "(long name)");
}

static void describe(struct kw_tls_verdict *verdict, const mbedtls_x509_crt *certificate)
{
	const mbedtls_x509_time *from = &certificate->valid_from, *to = &certificate->valid_to;

	write_name(verdict->subject, &certificate->subject);
	write_name(verdict->issuer, &certificate->issuer);
	snprintf(verdict->dates, sizeof(verdict->dates), "%04d-%02d-%02d to %04d-%02d-%02d",
		 from->year, from->mon, from->day, to->year, to->mon, to->day);
}

int kw_tls_verify(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags)
{
	struct kw_tls_verdict *verdict = context;

	verdict->asked = true;
	if (depth == 0) {
		verdict->expires_s = seconds_of(&certificate->valid_to);
		write_name(verdict->peer, &certificate->subject);
	}
	if (!verdict->check_chain) {
		*flags = 0;
		return 0;
	}
	/* Dates and name are ours to judge, whatever mbedTLS was built to do. */
	*flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE |
			      MBEDTLS_X509_BADCERT_CN_MISMATCH);
	if (verdict->now_s >= 0 && seconds_of(&certificate->valid_to) < verdict->now_s)
		*flags |= MBEDTLS_X509_BADCERT_EXPIRED;
	if (verdict->now_s >= 0 && seconds_of(&certificate->valid_from) > verdict->now_s)
		*flags |= MBEDTLS_X509_BADCERT_FUTURE;
	if (depth == 0 && verdict->check_name && !name_fits(verdict, certificate))
		*flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
	/* A CA always vouches for itself; it is a broker's doing so that is worth a word. */
	if ((*flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0 && depth == 0)
		verdict->self_issued = certificate->subject_raw.len ==
					       certificate->issuer_raw.len &&
				       memcmp(certificate->subject_raw.p, certificate->issuer_raw.p,
					      certificate->issuer_raw.len) == 0;
	if (*flags != 0 && verdict->flags == 0)
		describe(verdict, certificate);
	verdict->flags |= *flags;
	return 0;
}

int kw_tls_verdict_fail(const struct kw_tls_verdict *verdict, struct kwire_error *error)
{
	uint32_t flags = verdict->flags;
	const char *subject = verdict->subject;

	if (flags & MBEDTLS_X509_BADCERT_REVOKED)
		return kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
				  "the broker's certificate (%s) is revoked", subject);
	if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) && verdict->self_issued)
		return kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
				  "the broker's certificate (%s) is self-signed and not "
				  "among the trusted ones: add it to ssl.ca.location",
				  verdict->peer);
	if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
		return kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
				  "the broker's certificate (%s) is signed by a CA that is "
				  "not trusted (%s): is ssl.ca.location right?",
				  verdict->peer, verdict->issuer);
	if (flags & MBEDTLS_X509_BADCERT_EXPIRED)
		return kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
				  "the certificate %s has expired (valid %s)", subject,
				  verdict->dates);
	if (flags & MBEDTLS_X509_BADCERT_FUTURE) {
		kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
			   "the certificate %s is not yet valid (valid %s)", subject,
			   verdict->dates);
		/* 2020-01-01: no device is older than this program. */
		if (verdict->now_s < 1577836800)
			kw_error_add(error, "; this machine's clock is wrong");
		return KWIRE_ETLS;
	}
	if (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH)
		return kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
				  "the broker's certificate is for %s, not for %s (see "
				  "ssl.verification.name)",
				  verdict->names[0] != '\0' ? verdict->names : "no name",
				  verdict->host.name);
	if (flags & (MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK |
		     MBEDTLS_X509_BADCERT_BAD_KEY))
		return kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
				  "the certificate %s has too weak a signature or key", subject);
	return kw_fail_in(error, KWIRE_ETLS, KWIRE_PHASE_TLS,
			  "the broker's certificate (%s) cannot be accepted (flags 0x%x)", subject,
			  (unsigned)flags);
}
#endif
