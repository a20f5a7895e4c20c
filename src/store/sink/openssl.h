/* OpenSSL's headers, whose type ERR_STATE has the name of a value of ours. Private to this folder.
 */
#pragma once

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE
