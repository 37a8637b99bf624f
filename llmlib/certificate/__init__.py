"""The certificate: an Open Badges 3.0 credential, signed and baked into the picture of itself.

keys        private keys: made once, for their owner's eyes only
earned      is the course complete: notebooks re-checked, or an instructor's gradebook read
picture     the certificate as a picture
credential  what is signed, and the signed picture
status      an issuer's list of revoked certificates
badge       a certificate as it comes from anyone: opened if its signature is right
verify      tells a good certificate from any other, with an exit status for each case
cli         `llmlib certificate`
"""
