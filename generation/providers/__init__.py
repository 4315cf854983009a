"""Provider clients: one wire each. They import neither models nor settings; `registry` feeds them."""
