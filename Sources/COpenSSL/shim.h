#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/crypto.h>

// Swift doesn't import macros made out of several others. Names print as RFC 2253 says, with UTF-8 left readable.
static const unsigned long COPENSSL_NAME_FORMAT = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;
