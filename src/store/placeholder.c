/* placeholder until the layer has its first file */ extern int store_placeholder; int store_placeholder;
