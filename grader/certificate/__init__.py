"""Issue and verify certificates: an Open Badges 3.0 credential, signed and baked into the picture
of itself.

keys         private keys: created once, readable by their owner only
eligibility  is the course complete? Checks the notebooks again, or reads a gradebook
picture      the certificate as a picture
credential   what is signed, and the signed picture
revocation   an issuer's list of revoked certificates
open_badge   somebody's certificate, opened if its signature is right
verify       `llmlib verify`: is a certificate valid? An exit status for each case
cli          `llmlib certificate`
"""
