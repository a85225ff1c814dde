//! The auth API: users, roles, and whether either counts (etcdctl reference 11).

use bytes::Bytes;
use hyper::Method;
use serde::{Deserialize, Serialize};

use super::cluster::Client;
use super::error::Error;
use super::path::element;
use super::request::{Payload, Request, Retry};

/// A user and the names of its roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthUser {
    /// Name.
    pub user: String,
    /// Roles, in the server's order.
    pub roles: Vec<String>,
}

/// Keys that a role may read and write: exact keys, or prefixes that end with `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Permission {
    /// To read; `null` and absent are none.
    pub read: Option<Vec<String>>,
    /// To write.
    pub write: Option<Vec<String>>,
}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthRole {
    /// Name.
    pub role: String,
    /// What it allows on keys.
    pub permission: Permission,
}

/// A change of what somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightsChange {
    /// More.
    Grant,
    /// Less.
    Revoke,
}

/// What a write of a user says; absent lists change nothing. `roles` is there because the original sends it.
#[derive(Serialize)]
struct UserChange<'a> {
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    roles: (),
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoke: Option<&'a [String]>,
}

impl UserChange<'_> {
    fn of(user: &str) -> UserChange<'_> {
        UserChange {
            user,
            password: None,
            roles: (),
            grant: None,
            revoke: None,
        }
    }
}

/// What a write of a role says.
#[derive(Serialize)]
struct RoleChange<'a> {
    role: &'a str,
    permissions: Permissions,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<Permissions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoke: Option<Permissions>,
}

impl RoleChange<'_> {
    fn of(role: &str) -> RoleChange<'_> {
        RoleChange {
            role,
            permissions: Permissions::default(),
            grant: None,
            revoke: None,
        }
    }
}

#[derive(Deserialize)]
struct RoleBody {
    role: String,
    #[serde(default)]
    permissions: Permissions,
}

#[derive(Default, Serialize, Deserialize)]
struct Permissions {
    #[serde(default)]
    kv: Permission,
}

/// A role as listings of users hold it: whole in 3.x, its name in 2.0.
#[derive(Deserialize)]
#[serde(untagged)]
enum RoleOrName {
    Role { role: String },
    Name(String),
}

impl RoleOrName {
    fn into_name(self) -> String {
        match self {
            RoleOrName::Role { role } | RoleOrName::Name(role) => role,
        }
    }
}

#[derive(Deserialize)]
struct UserBody {
    user: String,
    #[serde(default)]
    roles: Option<Vec<RoleOrName>>,
}

impl From<UserBody> for AuthUser {
    fn from(body: UserBody) -> AuthUser {
        let roles = body.roles.unwrap_or_default();
        AuthUser {
            user: body.user,
            roles: roles.into_iter().map(RoleOrName::into_name).collect(),
        }
    }
}

impl Client {
    /// The names of all users, in the server's order.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's sentence; see [`Error`].
    pub async fn users(&self) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            users: Option<Vec<UserBody>>,
        }
        let list: List = self.read("/v2/auth/users".to_owned()).await?;
        let users = list.users.unwrap_or_default();
        Ok(users.into_iter().map(|user| user.user).collect())
    }

    /// A user.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's sentence; see [`Error`].
    pub async fn user(&self, name: &str) -> Result<AuthUser, Error> {
        let body: UserBody = self.read(user_path(name)).await?;
        Ok(body.into())
    }

    /// Makes a user, or gives an existing one another password.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's sentence; see [`Error`].
    pub async fn put_user(&self, name: &str, password: &str) -> Result<(), Error> {
        let body = UserChange {
            password: Some(password),
            ..UserChange::of(name)
        };
        self.write(user_path(name), &body).await
    }

    /// Gives a user roles, or takes them.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's sentence; see [`Error`].
    pub async fn change_user(
        &self,
        name: &str,
        change: RightsChange,
        roles: &[String],
    ) -> Result<(), Error> {
        let mut body = UserChange::of(name);
        match change {
            RightsChange::Grant => body.grant = Some(roles),
            RightsChange::Revoke => body.revoke = Some(roles),
        }
        self.write(user_path(name), &body).await
    }

    /// Removes a user.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's sentence; see [`Error`].
    pub async fn remove_user(&self, name: &str) -> Result<(), Error> {
        self.remove(user_path(name)).await
    }

    /// The names of all roles, in the server's order.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's sentence; see [`Error`].
    pub async fn roles(&self) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            roles: Option<Vec<RoleOrName>>,
        }
        let reply = self.send(&Request::get("/v2/auth/roles")).await?;
        // Alone among these calls it never showed the server's sentence.
        let list: List = reply.accepted(&[200], |_| false)?.json()?;
        let roles = list.roles.unwrap_or_default();
        Ok(roles.into_iter().map(RoleOrName::into_name).collect())
    }

    /// A role.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's sentence; see [`Error`].
    pub async fn role(&self, name: &str) -> Result<AuthRole, Error> {
        let body: RoleBody = self.read(role_path(name)).await?;
        Ok(AuthRole {
            role: body.role,
            permission: body.permissions.kv,
        })
    }

    /// Makes a role that allows nothing yet.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's sentence; see [`Error`].
    pub async fn add_role(&self, name: &str) -> Result<(), Error> {
        self.write(role_path(name), &RoleChange::of(name)).await
    }

    /// Gives a role permissions, or takes them.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's sentence; see [`Error`].
    pub async fn change_role(
        &self,
        name: &str,
        change: RightsChange,
        permission: &Permission,
    ) -> Result<(), Error> {
        let mut body = RoleChange::of(name);
        let change_to = Some(Permissions {
            kv: permission.clone(),
        });
        match change {
            RightsChange::Grant => body.grant = change_to,
            RightsChange::Revoke => body.revoke = change_to,
        }
        self.write(role_path(name), &body).await
    }

    /// Removes a role.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's sentence; see [`Error`].
    pub async fn remove_role(&self, name: &str) -> Result<(), Error> {
        self.remove(role_path(name)).await
    }

    /// Turns authentication on or off.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's sentence; see [`Error`].
    pub async fn set_auth(&self, on: bool) -> Result<(), Error> {
        let method = if on { Method::PUT } else { Method::DELETE };
        let request = Request::new(method, "/v2/auth/enable", Payload::None, Retry::Always);
        self.send(&request)
            .await?
            .accepted(&[200], |_| true)
            .map(drop)
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, target: String) -> Result<T, Error> {
        let reply = self.send(&Request::get(target)).await?;
        reply.accepted(&[200], |_| true)?.json()
    }

    async fn write(&self, target: String, body: &impl Serialize) -> Result<(), Error> {
        let body = serde_json::to_vec(body)
            .expect("maps with text keys, texts and lists of texts have a form in JSON");
        let payload = Payload::Json(Bytes::from(body));
        let request = Request::new(Method::PUT, target, payload, Retry::Always);
        self.send(&request)
            .await?
            .accepted(&[200, 201], |_| true)
            .map(drop)
    }

    async fn remove(&self, target: String) -> Result<(), Error> {
        let request = Request::new(Method::DELETE, target, Payload::None, Retry::Always);
        self.send(&request)
            .await?
            .accepted(&[200], |_| true)
            .map(drop)
    }
}

fn user_path(name: &str) -> String {
    format!("/v2/auth/users/{}", element(name))
}

fn role_path(name: &str) -> String {
    format!("/v2/auth/roles/{}", element(name))
}
