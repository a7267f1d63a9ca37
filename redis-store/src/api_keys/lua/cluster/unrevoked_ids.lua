-- KEYS: the index of the owner
return unrevoked({ KEYS[1], KEYS[2], KEYS[3] })
