#!/usr/bin/node
/*
 * Is this a good receipt of a face check?  Needs jose (Debian: node-jose; else npm's jose).
 *
 *   receipt.js KEY APPID SEEN [ISSUER] <RECEIPT
 *
 * KEY     a file with the key: the same JWK as benren's (HS256), or what
 *         `benren receipt public-keys` prints (ES256: nothing in it is secret)
 * APPID   your mini program; a receipt for another one is not for you
 * SEEN    a folder for the receipts that you have taken; your database, see below
 * ISSUER  "benren" unless given; "benren-sandbox" takes what a sandbox said: never in production
 *
 * Exit status 0: good, and its claims are printed; 1: not good, do not act on it.
 */
const fs = require('fs')
const path = require('path')
const jose = require('jose')

// By the type of the key, never by what the receipt says: otherwise somebody could sign
// with the public half of an ES256 key, as if it were the secret of HS256.
const ALGORITHMS = { oct: 'HS256', EC: 'ES256' }

// The key that the receipt names.  Two may be there while one takes over from the other.
function keyOf(receipt, file) {
  const keys = JSON.parse(fs.readFileSync(file, 'utf8'))
  const kid = jose.decodeProtectedHeader(receipt).kid
  const key = (keys.keys || [keys]).find((k) => k.kid === kid)
  if (!key) throw new Error('signed with an unknown key')
  return key
}

// Each verdict counts once, though the phone may get many receipts of it: all have one jti.
// In your application: a table with jti as its primary key, and an INSERT in the same
// transaction as what you do because of the receipt.  Keep a jti for the lifetime of a
// receipt and two hours at least; for ever is simplest.
function firstTime(jti, folder) {
  try {
    fs.closeSync(fs.openSync(path.join(folder, jti), 'wx', 0o600))
  } catch (error) {
    throw error.code === 'EEXIST' ? new Error('this verdict was taken before') : error
  }
}

async function check(receipt, file, appid, seen, issuer = 'benren') {
  const key = keyOf(receipt, file)
  const algorithm = ALGORITHMS[key.kty]
  const { payload } = await jose.jwtVerify(receipt, await jose.importJWK(key, algorithm),
    { algorithms: [algorithm], issuer, audience: appid })
  if (!payload.exp || !payload.jti) throw new Error('a claim is missing')
  firstTime(payload.jti, seen)
  return payload
}

const words = process.argv.slice(2)
if (words.length < 3 || words.length > 4) {
  console.error('usage: receipt.js KEY APPID SEEN [ISSUER] <RECEIPT')
  process.exit(1)
}
check(fs.readFileSync(0, 'utf8').trim(), ...words).then(
  // Then compare: is sub the user you have in front of you, source what you asked for, and
  // identity the person you expect?  README, "Receipts".
  (claims) => console.log(JSON.stringify(claims)),
  (error) => {
    console.error('not a good receipt: ' + error.message)
    process.exit(1)
  })
