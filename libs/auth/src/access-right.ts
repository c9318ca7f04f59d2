/** What a control plane lets some people do. Names are Kuma's (`access.static.*`). */
export type AccessRight = 'adminResources' | 'generateDpToken' | 'generateUserToken' | 'generateZoneToken';
