#!/usr/bin/ruby
# Is this a good receipt of a face check?  Needs ruby-jwt (Debian: ruby-jwt).
#
#   receipt.rb KEY APPID SEEN [ISSUER] <RECEIPT
#
# KEY     a file with the key: the same JWK as benren's (HS256), or what
#         `benren receipt public-keys` prints (ES256: nothing in it is secret)
# APPID   your mini program; a receipt for another one is not for you
# SEEN    a folder for the receipts that you have taken; your database, see below
# ISSUER  "benren" unless given; "benren-sandbox" takes what a sandbox said: never in production
#
# Exit status 0: good, and its claims are printed; 1: not good, do not act on it.

require 'base64'
require 'json'
require 'jwt'

# By the type of the key, never by what the receipt says: otherwise somebody could sign
# with the public half of an ES256 key, as if it were the secret of HS256.
ALGORITHMS = { 'oct' => 'HS256', 'EC' => 'ES256' }.freeze

# The key that the receipt names.  Two may be there while one takes over from the other.
def key_of(receipt, file)
  keys = JSON.parse(File.read(file))
  kid = JWT.decode(receipt, nil, false).last['kid']
  (keys['keys'] || [keys]).find { |key| key['kid'] == kid } or
    raise JWT::DecodeError, 'signed with an unknown key'
end

# The secret of HS256, or the public half of ES256.
def material(key)
  return Base64.urlsafe_decode64(key['k']) if key['kty'] == 'oct'

  jwk = JWT::JWK.import(key)
  jwk.respond_to?(:verify_key) ? jwk.verify_key : jwk.keypair # ruby-jwt before 2.7
end

# Each verdict counts once, though the phone may get many receipts of it: all have one jti.
# In your application: a table with jti as its primary key, and an INSERT in the same
# transaction as what you do because of the receipt.  Keep a jti for the lifetime of a
# receipt and two hours at least; for ever is simplest.
def first_time(jti, folder)
  File.open(File.join(folder, jti), File::CREAT | File::EXCL | File::WRONLY, 0o600).close
rescue Errno::EEXIST
  raise JWT::DecodeError, 'this verdict was taken before'
end

def check(receipt, file, appid, seen, issuer = 'benren')
  key = key_of(receipt, file)
  claims, = JWT.decode(receipt, material(key), true,
                       algorithm: ALGORITHMS.fetch(key['kty']),
                       iss: issuer, verify_iss: true, aud: appid, verify_aud: true,
                       required_claims: %w[iss aud exp jti])
  first_time(claims['jti'], seen)
  claims
end

abort 'usage: receipt.rb KEY APPID SEEN [ISSUER] <RECEIPT' unless [3, 4].include?(ARGV.size)
begin
  puts JSON.generate(check($stdin.read.strip, *ARGV))
  # Now compare: is sub the user you have in front of you, source what you asked for, and
  # identity the person you expect?  README, "Receipts".
rescue JWT::DecodeError => e
  abort "not a good receipt: #{e.message}"
end
