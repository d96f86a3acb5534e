/* placeholder until the layer has its first file */ extern int app_placeholder; int app_placeholder;
