# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The secured listeners of tools/kafka/cluster (which reads this file): their
# certificates, their users and what a client has to set to reach them.
#
# Users, with every SASL mechanism: admin and alice, passwords admin-secret and
# alice-secret.  OAUTHBEARER is Kafka's unsecured validator: an unsigned token
# with the claims sub, iat and exp.  Listeners:
#   SSL            TLS; the client stays anonymous
#   MTLS           TLS with a client certificate
#   SASL_PLAINTEXT SASL without TLS
#   SASL_SSL       SASL over TLS
#   REAUTH         SASL without TLS, sessions of 5 s (connections.max.reauth.ms)
# Where krb5kdc is installed there is a realm KWIRE.TEST too, with a KDC of its
# own, the service kafka/localhost and the user alice (keytab and ticket).

mechanisms='PLAIN SCRAM-SHA-256 SCRAM-SHA-512 OAUTHBEARER'
PATH=$PATH:/usr/sbin
has_kerberos() { command -v krb5kdc >/dev/null && command -v kadmin.local >/dev/null && command -v kinit >/dev/null; }
has_kerberos && mechanisms="$mechanisms GSSAPI"

# A certificate signed by the test's CA: $1 file's name, $2 subject, $3 extensions.
certificate()
{
	local tls=$dir/tls
	openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null |
		openssl pkcs8 -topk8 -nocrypt -out "$tls/$1.key" &&
		openssl req -new -key "$tls/$1.key" -subj "$2" -out "$tls/$1.csr" &&
		printf '%s\n' "$3" >"$tls/$1.ext" &&
		openssl x509 -req -in "$tls/$1.csr" -CA "$tls/ca.crt" -CAkey "$tls/ca.key" -CAcreateserial \
			-days 30 -sha256 -extfile "$tls/$1.ext" -out "$tls/$1.crt" 2>/dev/null &&
		cat "$tls/$1.key" "$tls/$1.crt" "$tls/ca.crt" >"$tls/$1.pem"
}

certificates()
{
	local tls=$dir/tls
	[ -e "$tls/.complete" ] && return 0
	rm -rf "$tls"
	mkdir -p "$tls"
	{
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -sha256 \
			-subj '/CN=kwire test CA' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
			-keyout "$tls/ca.key" -out "$tls/ca.crt" 2>/dev/null &&
			certificate broker '/CN=localhost' 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' &&
			certificate client '/CN=alice' 'extendedKeyUsage=clientAuth' &&
			touch "$tls/.complete"
	} || die 'openssl could not make the certificates'
}

# The realm: its files, its KDC on loopback, a keytab for the brokers, a ticket for alice.
kerberos()
{
	local krb=$dir/kerberos port
	has_kerberos || return 0
	end_process kdc
	rm -rf "$krb"
	mkdir -p "$krb"
	port=$(value kdc_port)
	cat >"$krb/krb5.conf" <<-CONF
		[libdefaults]
		default_realm = KWIRE.TEST
		dns_lookup_kdc = false
		dns_lookup_realm = false
		dns_canonicalize_hostname = false
		rdns = false
		udp_preference_limit = 1
		[realms]
		KWIRE.TEST = {
		kdc = 127.0.0.1:$port
		}
		[domain_realm]
		localhost = KWIRE.TEST
	CONF
	cat >"$krb/kdc.conf" <<-CONF
		[kdcdefaults]
		kdc_listen = 127.0.0.1:$port
		kdc_tcp_listen = 127.0.0.1:$port
		[realms]
		KWIRE.TEST = {
		database_name = $krb/principal
		key_stash_file = $krb/stash
		supported_enctypes = aes256-cts:normal aes128-cts:normal
		max_life = 1d
		}
		[logging]
		kdc = FILE:$dir/logs/kdc.log
	CONF
	mkdir -p "$dir/logs"
	(
		export KRB5_CONFIG="$krb/krb5.conf" KRB5_KDC_PROFILE="$krb/kdc.conf"
		{
			kdb5_util create -s -r KWIRE.TEST -P kwire-tests &&
				kadmin.local -q 'addprinc -randkey kafka/localhost' &&
				kadmin.local -q "ktadd -k $krb/broker.keytab kafka/localhost" &&
				kadmin.local -q 'addprinc -pw alice-secret alice' &&
				kadmin.local -q "ktadd -norandkey -k $krb/alice.keytab alice"
		} >"$dir/logs/kerberos.log" 2>&1
	) || {
		cat "$dir/logs/kerberos.log" >&2
		return 1
	}
	KRB5_CONFIG="$krb/krb5.conf" KRB5_KDC_PROFILE="$krb/kdc.conf" \
		setsid krb5kdc -n </dev/null >>"$dir/logs/kerberos.log" 2>&1 {lock}>&- &
	printf '%s %s\n' "$!" "$(start_time "$!")" >"$dir/kdc.pid"
	disown
	for _ in $(seq 100); do
		KRB5_CONFIG="$krb/krb5.conf" kinit -k -t "$krb/alice.keytab" -c "FILE:$krb/ticket" alice \
			>>"$dir/logs/kerberos.log" 2>&1 && return 0
		process_of kdc >/dev/null || break
		sleep 0.1
	done
	say 'the KDC did not start'
	cat "$dir/logs/kerberos.log" >&2
	return 1
}

# One listener's JAAS lines: $1 listener in lower case, $2 protection of the connection.
sasl_properties()
{
	local prefix=listener.name.$1 mechanism module
	echo "$prefix.sasl.enabled.mechanisms=$(printf '%s' "$mechanisms" | tr ' ' ',')"
	module=org.apache.kafka.common.security
	echo "$prefix.plain.sasl.jaas.config=$module.plain.PlainLoginModule required username=\"admin\" password=\"admin-secret\" user_admin=\"admin-secret\" user_alice=\"alice-secret\";"
	for mechanism in scram-sha-256 scram-sha-512; do
		echo "$prefix.$mechanism.sasl.jaas.config=$module.scram.ScramLoginModule required username=\"admin\" password=\"admin-secret\";"
	done
	echo "$prefix.oauthbearer.sasl.jaas.config=$module.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"admin\";"
	if has_kerberos; then
		echo "$prefix.gssapi.sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab=\"$dir/kerberos/broker.keytab\" principal=\"kafka/localhost@KWIRE.TEST\";"
	fi
}

# The part of a node's configuration that --security adds.
security_properties()
{
	local tls=$dir/tls mechanism name
	cat <<-PROPERTIES
		listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,MTLS:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,REAUTH:SASL_PLAINTEXT
		ssl.keystore.type=PEM
		ssl.keystore.location=$tls/broker.pem
		ssl.truststore.type=PEM
		ssl.truststore.location=$tls/ca.crt
		ssl.client.auth=none
		listener.name.mtls.ssl.client.auth=required
		sasl.enabled.mechanisms=$(printf '%s' "$mechanisms" | tr ' ' ',')
		connections.max.reauth.ms=0
		sasl.kerberos.service.name=kafka
	PROPERTIES
	for name in sasl_plaintext sasl_ssl reauth; do sasl_properties "$name"; done
	for mechanism in $mechanisms; do
		echo "listener.name.reauth.$(printf '%s' "$mechanism" | tr 'A-Z' 'a-z').connections.max.reauth.ms=5000"
	done
}

# DIR/client: a properties file for each way in.
client_properties()
{
	local out=$dir/client tls=$dir/tls place=0 name protocol mechanism file
	rm -rf "$out"
	mkdir -p "$out"
	for name in $(listener_names); do
		place=$((place + 1))
		case $name in MTLS) protocol=SSL ;; REAUTH) protocol=SASL_PLAINTEXT ;; *) protocol=$name ;; esac
		for mechanism in $(case $name in SASL* | REAUTH) echo "$mechanisms" ;; *) echo none ;; esac); do
			file=$out/$(printf '%s' "$name" | tr 'A-Z_' 'a-z-')
			[ "$mechanism" != none ] && file=$file-$(printf '%s' "$mechanism" | tr 'A-Z' 'a-z')
			{
				# A ticket is for a name.
				if [ "$mechanism" = GSSAPI ]; then
					echo "bootstrap.servers=$(bootstrap "$place" | sed 's/127\.0\.0\.1/localhost/g')"
				else
					echo "bootstrap.servers=$(bootstrap "$place")"
				fi
				echo "security.protocol=$protocol"
				case $name in *SSL | MTLS) echo "ssl.ca.location=$tls/ca.crt" ;; esac
				if [ "$name" = MTLS ]; then
					echo "ssl.certificate.location=$tls/client.crt"
					echo "ssl.key.location=$tls/client.key"
				fi
				case $mechanism in
				none) ;;
				GSSAPI)
					echo 'sasl.mechanism=GSSAPI'
					echo 'sasl.kerberos.service.name=kafka'
					;;
				OAUTHBEARER)
					echo 'sasl.mechanism=OAUTHBEARER'
					echo "sasl.oauthbearer.token.file=$out/token"
					;;
				*)
					echo "sasl.mechanism=$mechanism"
					echo 'sasl.username=alice'
					echo 'sasl.password=alice-secret'
					;;
				esac
			} >"$file.properties"
		done
	done
	unsecured_token alice 86400 >"$out/token"
}

# A token for OAUTHBEARER's unsecured validator: $1 subject, $2 life in seconds.
unsecured_token()
{
	local now
	now=$(date +%s)
	printf '%s.%s.' "$(printf '{"alg":"none"}' | base64 -w 0 | tr '+/' '-_' | tr -d '=')" \
		"$(printf '{"sub":"%s","iat":%s,"exp":%s}' "$1" "$((now - 1))" "$((now + $2))" | base64 -w 0 | tr '+/' '-_' | tr -d '=')"
}

security_env()
{
	echo "KWIRE_CLIENT_PROPERTIES=$dir/client"
	echo "KWIRE_CLUSTER_TLS=$dir/tls"
	if has_kerberos; then
		echo "KRB5_CONFIG=$dir/kerberos/krb5.conf"
		echo "KRB5CCNAME=FILE:$dir/kerberos/ticket"
	fi
}

security_stop()
{
	end_process kdc
	rm -rf "$dir/client" "$dir/tls" "$dir/kerberos"
}
