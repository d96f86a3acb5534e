/* placeholder until the layer has its first file */ extern int web_placeholder; int web_placeholder;
