export const REGISTER = `mutation ($username: String!, $email: String!, $password: String!) {
  register(username: $username, email: $email, password: $password) { message auth { access } }
}`;
export const VERIFY = `mutation ($token: String!) { verifyEmail(token: $token) { message } }`;
export const RESEND = `mutation ($email: String!) { resendVerification(email: $email) { message } }`;
export const POLICY = `{ passwordPolicy { minLength maxLength problems } }`;
export const EMAIL_VERIFIED_AT = `{ me { emailVerifiedAt } }`;
