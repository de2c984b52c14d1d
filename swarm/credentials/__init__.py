"""What a credential looks like: keys, tokens and passwords that a text gives away by their form or by what stands before them."""
